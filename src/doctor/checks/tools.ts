import { findOnPath } from '../../shared/find-on-path.ts'
import { askProgram } from '../ask-program.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'
import type { Surroundings } from '../surroundings.ts'

/** How long an engine may take to answer. */
const ENGINE_MS = 3_000

type Backend = { id: string; title: string; client: [string, ...string[]]; engine: [string, ...string[]] }

const BACKENDS: readonly Backend[] = [
  {
    id: 'docker',
    title: 'Docker',
    client: ['docker', '--version'],
    engine: ['docker', 'info', '--format', '{{.ServerVersion}} {{.SecurityOptions}}'],
  },
  {
    id: 'podman',
    title: 'Podman',
    client: ['podman', '--version'],
    engine: ['podman', 'info', '--format', '{{.Version.Version}} rootless={{.Host.Security.Rootless}}'],
  },
  {
    id: 'apple-container',
    title: 'Apple container',
    client: ['container', '--version'],
    engine: ['container', 'system', 'status'],
  },
]

export const backends: readonly Check[] = BACKENDS.map(({ id, title, client, engine }) => ({
  id,
  group: 'Other tools',
  title,
  limitMs: 2 * ENGINE_MS + 2_000,
  async look({ env }, signal) {
    if (id === 'apple-container' && process.platform !== 'darwin')
      return { status: 'skipped', seen: 'only there is on macOS' }
    const [found, answer] = await Promise.all(
      [client, engine].map(argv => askProgram(argv as [string, ...string[]], { env, limitMs: ENGINE_MS, signal })),
    )
    return judgeBackend(found?.text, answer)
  },
}))

export function judgeBackend(
  version: string | undefined,
  answer: { ok: boolean; text: string; timedOut: boolean } | undefined,
): Finding {
  if (version === undefined || answer === undefined)
    return { status: 'info', seen: 'not installed; nothing in this version needs it' }
  const [line = ''] = version.split('\n')
  if (answer.ok)
    return {
      status: 'ok',
      seen: `${line}, its engine answers${/rootless(?!=false)/.test(answer.text) ? ', rootless' : ''}`,
    }
  const why = answer.timedOut ? `no answer within ${ENGINE_MS / 1_000} s` : (answer.text.split('\n').at(-1) ?? '')
  return {
    status: 'info',
    seen: `${line}; its engine does not answer`,
    details: why ? [why] : [],
    means: 'This version starts nothing in containers: nothing depends on it yet.',
  }
}

export const terminal: Check = {
  id: 'terminal',
  group: 'Other tools',
  title: 'Terminal',
  limitMs: QUICK_MS,
  look: async ({ env, terminal }) => judgeTerminal(env, terminal),
}

export function judgeTerminal(env: Surroundings['env'], terminal: Surroundings['terminal']): Finding {
  if (!terminal.stdout || !terminal.stdin)
    return { status: 'info', seen: 'none: the dashboard and prompts stay away, logs are lines' }
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  const isUnicode = process.platform !== 'linux' || /utf-?8/i.test(locale)
  const { columns = 0, rows = 0 } = terminal
  const seen = `${env.TERM ?? 'unnamed'}, ${columns}×${rows}, ${terminal.color ? 'colours' : 'no colours'}, ${locale || 'no locale'}`
  const isSmall = columns < 80 || rows < 24
  if (env.TERM === 'dumb') return { status: 'info', seen, means: 'The dashboard stays away, logs are lines.' }
  if (isUnicode && !isSmall) return { status: 'ok', seen }
  return {
    status: 'info',
    seen,
    means: [
      ...(isUnicode ? [] : ['Without a UTF-8 locale, frames and names may look broken.']),
      ...(isSmall ? ['The dashboard shows less below 80×24.'] : []),
    ].join(' '),
    todo: isUnicode ? 'Make the window larger.' : 'export LANG=C.UTF-8',
  }
}

export const tools: Check = {
  id: 'tools',
  group: 'Other tools',
  title: 'git, rg',
  limitMs: 2 * QUICK_MS,
  async look({ env }, signal) {
    const ask = (name: string) => askProgram([name, '--version'], { env, limitMs: QUICK_MS, signal })
    const [git, rg] = await Promise.all([ask('git'), ask('rg')])
    return judgeTools({ git: git?.text, rg: rg?.text })
  },
}

export function judgeTools({ git, rg }: { git: string | undefined; rg: string | undefined }): Finding {
  const version = (name: string, text: string | undefined): string =>
    text === undefined ? `no ${name}` : `${name} ${/\d+(?:\.\d+)+/.exec(text)?.[0] ?? 'of an unknown version'}`
  const seen = `${version('git', git)}, ${version('rg', rg)}`
  if (git !== undefined)
    return { status: rg === undefined ? 'info' : 'ok', seen, ...(rg === undefined && { means: RG }) }
  return {
    status: 'info',
    seen,
    means: 'Without git, opencode has no undo, and knows no projects.',
    todo: 'Install git.',
  }
}

const RG = 'opencode fetches its own ripgrep when it needs one.'

const CLIPBOARDS: Partial<Record<string, readonly string[]>> = {
  darwin: ['pbcopy'],
  win32: ['clip.exe'],
  linux: ['wl-copy', 'xclip', 'xsel', 'clip.exe'],
}

export const clipboard: Check = {
  id: 'clipboard',
  group: 'Other tools',
  title: 'Clipboard',
  limitMs: QUICK_MS,
  async look({ env }) {
    const found = await findOnPath(CLIPBOARDS[process.platform] ?? [], env)
    if (found) return { status: 'ok', seen: found }
    return {
      status: 'info',
      seen: 'no program for it; copying goes through the terminal (OSC 52), where it allows that',
    }
  },
}
