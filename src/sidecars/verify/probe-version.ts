import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { type ProgramEnd, runProgram } from '../../supervisor/run-program.ts'

/** A cold disk needs seconds for the 180 MB that opencode has. */
const PROBE_LIMIT_MS = 15_000
const ATTEMPTS = 2

export type ProbeOptions = {
  env: Readonly<Record<string, string | undefined>>
  /** Where its home is made. Default: the system's folder for temporary files. */
  homeIn?: string | undefined
  /** Per attempt; there are two. Default 15 s. */
  limitMs?: number | undefined
  signal?: AbortSignal | undefined
}

export type Probe =
  | { readonly version: string; readonly problem?: never }
  /** Why there is no version, in words that follow the program's name. */
  | { readonly version?: never; readonly problem: string }

/**
 * Asks a program for its version with `--version`. It gets a home of its own, removed afterwards: opencode writes
 * `log` and `repos` below the home even for this.
 *
 * @throws OpenworkError `opencode_not_executable` when the system refuses to run it at all
 */
export async function probeVersion(
  path: string,
  { env, homeIn = tmpdir(), limitMs = PROBE_LIMIT_MS, signal }: ProbeOptions,
): Promise<Probe> {
  const home = await mkdtemp(join(homeIn, 'openwork-probe-'))
  try {
    let problem = ''
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const end = await start(path, home, { env, limitMs, signal })
      const version = /\b\d+\.\d+\.\d+(?:-[\w.-]+)?/.exec(end.stdout)?.[0]
      if (end.code === 0 && version) return { version }
      problem = describe(end, limitMs)
      if (!end.timedOut) break // what it said once it says again; only slowness may pass
    }
    return { problem }
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function start(
  path: string,
  home: string,
  { env, limitMs = PROBE_LIMIT_MS, signal }: ProbeOptions,
): Promise<ProgramEnd> {
  const options = { cwd: home, env: await throwAwayEnvironment(env, home), limitMs, signal }
  for (let busy = 0; ; busy++) {
    try {
      return await runProgram([path, '--version'], options)
    } catch (error) {
      const code = systemCode(error)
      // Another thread forked while the file was being written and holds it open for writing until its own exec.
      if (code === 'ETXTBSY' && busy < 10) await delay(50, undefined, { signal })
      else if (code !== undefined && code in REFUSALS) throw notExecutable(path, code, error)
      else throw error
    }
  }
}

const REFUSALS: Partial<Record<string, string>> = {
  ENOENT: 'its interpreter or dynamic loader is missing (a build for another C library?)',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOEXEC: 'it is not a program for this system',
  EFTYPE: 'it is not a program for this system',
  EBADARCH: 'it is built for another processor',
  UNKNOWN: 'it is not a program for this system',
  ETXTBSY: 'another process is writing it',
}

const notExecutable = (path: string, code: string, cause: unknown): OpenworkError =>
  new OpenworkError('opencode_not_executable', `${path} cannot be run: ${REFUSALS[code]} (${code})`, {
    hint: 'Use a program built for this machine, or name none: openwork brings what it needs.',
    cause,
  })

function describe(end: ProgramEnd, limitMs: number): string {
  if (end.timedOut) return `gave no answer to --version within ${limitMs / 1_000} s, ${ATTEMPTS} times`
  if (end.signal) return `was ended by ${end.signal} when asked for its version`
  const said = (end.stderr || end.stdout).trim().split('\n').at(-1)?.slice(0, 200)
  return `answered --version with exit code ${end.code}${said ? ` and ${JSON.stringify(said)}` : ''}`
}

/** Enough to start a program, and nothing of the person who runs us. */
async function throwAwayEnvironment(env: ProbeOptions['env'], home: string): Promise<Record<string, string>> {
  const inside = (name: string): string => join(home, name)
  const folders = {
    HOME: home,
    USERPROFILE: home,
    APPDATA: inside('appdata'),
    LOCALAPPDATA: inside('localappdata'),
    XDG_CONFIG_HOME: inside('config'),
    XDG_DATA_HOME: inside('data'),
    XDG_CACHE_HOME: inside('cache'),
    XDG_STATE_HOME: inside('state'),
    TMPDIR: inside('tmp'),
    TEMP: inside('tmp'),
    TMP: inside('tmp'),
  }
  await mkdir(folders.TMPDIR, { recursive: true, mode: 0o700 })
  const passed = Object.entries(env).filter(([key]) =>
    /^(?:PATH|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|LANG|LC_ALL)$/i.test(key),
  )
  const kept = Object.fromEntries(passed.filter((pair): pair is [string, string] => pair[1] !== undefined))
  return { ...kept, ...folders }
}
