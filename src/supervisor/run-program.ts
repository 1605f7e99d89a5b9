import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { processGroup } from './process-group.ts'

export type ProgramEnd = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last 64 KiB of each stream. */
  readonly stdout: string
  readonly stderr: string
  /** It was still running at its limit and has been killed. */
  readonly timedOut: boolean
}

export type RunOptions = {
  cwd: string
  /** All of it: nothing of our own environment is added. */
  env: Record<string, string>
  limitMs: number
  signal?: AbortSignal | undefined
  /**
   * For a program that has others to take down: at its limit, and when aborted, it gets a SIGTERM and so much time.
   * Without it, a SIGKILL at once.
   */
  graceMs?: number | undefined
  /**
   * For one that must not be cut off when this process ends: a file for what it prints, as our pipes end with us. All of it
   * is then answered as `stdout`.
   */
  outputFile?: string | undefined
  /** Told the id of the process as soon as there is one. */
  onStarted?: ((pid: number) => void) | undefined
}

const MAX_OUTPUT = 64 * 1024
/** How long a pipe that a stray grandchild holds open may delay the answer of a program that has ended. */
const DRAIN_MS = 1_000

/**
 * Runs a short-lived helper program to its end, in a process group of its own so that nothing of it stays behind, also
 * when this process exits meanwhile, unless it has an `outputFile`. (A SIGKILL of this process leaves the program to its own end.)
 *
 * @throws the system error when it cannot be started (`ENOENT`, `EACCES`, `ENOEXEC`, …), and the signal's reason when
 *   aborted, in both cases with nothing left running
 */
export function runProgram(argv: readonly [string, ...string[]], options: RunOptions): Promise<ProgramEnd> {
  const { cwd, env, limitMs, signal, graceMs, outputFile, onStarted } = options
  signal?.throwIfAborted()
  const [program, ...args] = argv
  const file = outputFile === undefined ? undefined : openSync(outputFile, 'w', 0o600)
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: file === undefined ? ['ignore', 'pipe', 'pipe'] : ['ignore', file, file],
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    if (child.pid !== undefined) onStarted?.(child.pid)
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-MAX_OUTPUT)
      })
    let timedOut = false
    const kill = (): void => {
      if (child.pid !== undefined) processGroup.kill(child.pid)
    }
    let grace: ReturnType<typeof setTimeout> | undefined
    const end = (): void => {
      if (graceMs === undefined || child.pid === undefined) kill()
      else {
        processGroup.signal(child.pid, 'SIGTERM')
        grace ??= setTimeout(kill, graceMs)
      }
    }
    const limit = setTimeout(() => {
      timedOut = true
      end()
    }, limitMs)
    signal?.addEventListener('abort', end)
    if (file === undefined) process.on('exit', kill)
    else closeSync(file)
    const settle = (): void => {
      clearTimeout(limit)
      clearTimeout(grace)
      signal?.removeEventListener('abort', end)
      process.off('exit', kill)
    }
    child.once('error', error => {
      settle()
      reject(error)
    })
    child.once('exit', (code, endSignal) => {
      settle()
      // What it started and did not wait for. On Windows there is no group, and the number may be another's by now.
      if (process.platform !== 'win32') kill()
      const finish = (): void => {
        clearTimeout(drained)
        child.stdout?.destroy()
        child.stderr?.destroy()
        if (outputFile !== undefined) output.stdout = readFileSync(outputFile, 'utf8').slice(-MAX_OUTPUT)
        if (signal?.aborted) reject(signal.reason)
        else resolve({ code, signal: endSignal, ...output, timedOut })
      }
      const drained = setTimeout(finish, DRAIN_MS)
      child.once('close', finish)
    })
  })
}
