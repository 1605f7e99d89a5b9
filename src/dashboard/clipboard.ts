import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { findOnPath } from '../shared/find-on-path.ts'

type Env = Readonly<Record<string, string | undefined>>

const LIMIT_MS = 3_000

/**
 * Puts a text where the user can paste it: with the first clipboard program that there is, or else by asking the
 * terminal itself (OSC 52), which also works over ssh. Resolves to how; a terminal does not tell whether it did.
 *
 * @param write to the terminal
 */
export async function copyText(text: string, env: Env, write: (data: string) => void): Promise<'program' | 'terminal'> {
  for (const names of programsFor(env)) {
    const program = await findOnPath([names[0]], env)
    if (program && (await feeds(program, names.slice(1), text, env))) return 'program'
  }
  write(osc52(text, env))
  return 'terminal'
}

/** In the order in which they are tried. Those of a desktop only where there is one: over ssh its clipboard is elsewhere. */
function programsFor(env: Env): readonly [string, ...string[]][] {
  return [
    ['pbcopy'],
    ['clip.exe'],
    ...(env.WAYLAND_DISPLAY ? [['wl-copy'] as [string]] : []),
    ...(env.DISPLAY
      ? ([
          ['xclip', '-selection', 'clipboard'],
          ['xsel', '--clipboard', '--input'],
        ] as [string, ...string[]][])
      : []),
  ]
}

/** Whether the program took it. Its own output would land on the screen, so there is none. */
function feeds(program: string, args: readonly string[], text: string, env: Env): Promise<boolean> {
  return new Promise(resolve => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'], env: env as NodeJS.ProcessEnv })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve(false)
    }, LIMIT_MS)
    const done = (isCopied: boolean) => {
      clearTimeout(timer)
      resolve(isCopied)
    }
    child.on('error', () => done(false))
    // `exit`, not `close`: xclip and wl-copy leave a process behind that holds the text.
    child.on('exit', code => done(code === 0))
    child.stdin.on('error', () => {}) // it ended without reading; its exit code tells
    // Windows' clip.exe takes what it gets for the console's code page unless it is UTF-16 with a mark.
    child.stdin.end(basename(program) === 'clip.exe' ? Buffer.from(`\ufeff${text}`, 'utf16le') : text)
  })
}

/** tmux and screen pass it on only when it is wrapped for them. */
export function osc52(text: string, env: Env): string {
  const sequence = `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`
  if (env.TMUX) return `\x1bPtmux;${sequence.replaceAll('\x1b', '\x1b\x1b')}\x1b\\`
  if (env.TERM?.startsWith('screen')) return `\x1bP${sequence}\x1b\\`
  return sequence
}
