import { dirname } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { findOnPath } from '../../shared/find-on-path.ts'
import { type ProgramEnd, runProgram } from '../../supervisor/run-program.ts'

type NpmOptions = {
  /** The project of the call: npm takes the settings of the folder it runs in. */
  cwd: string
  /** The user's environment: npm's own settings, proxies and certificates are meant to apply. */
  env: Readonly<Record<string, string | undefined>>
  limitMs: number
  signal?: AbortSignal | undefined
}

/**
 * Runs the user's own npm client to a good end, without our secrets in its environment.
 *
 * @throws OpenworkError `sidecar_download_failed` with npm's own words, `disk_full`; the reason of an aborted `signal`
 */
export async function runNpm(args: readonly string[], { cwd, env, limitMs, signal }: NpmOptions): Promise<ProgramEnd> {
  const npm = await findOnPath(process.platform === 'win32' ? ['npm.cmd', 'npm.exe'] : ['npm'], env)
  if (npm === undefined)
    throw new OpenworkError('sidecar_download_failed', 'npm was not found on PATH', {
      hint: 'Install Node.js with npm, or pass --opencode-bin <path> --allow-external.',
    })
  const settings = [...OWN_PROJECT, ...QUICK_RETRIES, '--loglevel=error', '--update-notifier=false']
  const end = await runProgram(npmArgv(npm, [...args, ...settings]), {
    cwd,
    env: npmEnvironment(env, dirname(npm)),
    limitMs,
    signal,
  })
  if (end.code === 0) return end
  throw npmFailure(
    `npm ${args
      .filter(arg => !arg.startsWith('-'))
      .slice(0, 2)
      .join(' ')}`,
    end,
    limitMs,
  )
}

/**
 * npm stops at the folder it is called in when that holds a package.json, but goes on looking for a workspace that names
 * this folder above it, and takes its settings: in a folder for temporary files anybody could make one.
 */
export const OWN_PROJECT = ['--workspaces=false']

/** By itself npm needs 70 s to notice that there is no network: two retries, after 10 s and 60 s. */
const QUICK_RETRIES = ['--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=2000']

/** npm is a batch file on Windows, which only cmd.exe can start. */
function npmArgv(npm: string, args: readonly string[]): [string, ...string[]] {
  return npm.toLowerCase().endsWith('.cmd') ? ['cmd.exe', '/d', '/s', '/c', 'npm.cmd', ...args] : [npm, ...args]
}

/** Our own secrets, and what would change how Node or Bun programs run. */
const NOT_FOR_NPM = /^(?:OPENWORK_|OPENCODE_|BUN_|NODE_OPTIONS$)/i
/** Set by an `npm start` that we run under: they are about its project, not about ours. */
const OTHER_PROJECT =
  /^npm_config_(?:workspaces?|include_workspace_root|local_prefix|global|location|dry_run|pack_destination)$/i

function npmEnvironment(env: NpmOptions['env'], npmFolder: string): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const [key, value] of Object.entries(env))
    if (value !== undefined && !NOT_FOR_NPM.test(key) && !OTHER_PROJECT.test(key)) passed[key] = value
  const pathKey = Object.keys(passed).find(key => key.toUpperCase() === 'PATH') ?? 'PATH'
  const separator = process.platform === 'win32' ? ';' : ':'
  // npm starts `node` by name: the one it was installed with is beside it.
  passed[pathKey] = `${passed[pathKey] ?? ''}${separator}${npmFolder}`
  return passed
}

/** The failure of a call; also of one that ended well and did not do what it was asked for. */
export function npmFailure(command: string, end: ProgramEnd, limitMs: number): OpenworkError {
  if (end.timedOut)
    return new OpenworkError('sidecar_download_failed', `${command} had not finished after ${limitMs / 1_000} s`, {
      hint: 'Check the network, proxy and registry settings of npm, then start again.',
      details: { reason: 'network' satisfies NpmReason },
    })
  const words = npmWords(end.stdout, end.stderr)
  if (/\bENOSPC\b|no space left/i.test(words))
    return new OpenworkError('disk_full', `${command} ran out of disk space: ${words}`, {
      hint: 'Free some space (npm keeps its own cache in the home folder: `npm cache clean --force`), or pass --sidecar-dir.',
    })
  const how = end.code === null ? `was ended by ${end.signal}` : `failed (exit code ${end.code})`
  const reason = reasonOf(words)
  return new OpenworkError('sidecar_download_failed', `${command} ${how}: ${words || 'it gave no reason'}`, {
    hint: HINTS[reason],
    details: { exitCode: end.code, signal: end.signal, reason },
  })
}

/** What npm says about its failure: the summary of its JSON answer, else its last lines. Passwords in URLs are masked. */
function npmWords(stdout: string, stderr: string): string {
  const lines = stderr
    .split('\n')
    .map(line => line.replace(/^npm (?:error|ERR!)\s?/, '').trim())
    .filter(line => line !== '' && !/complete log of this run|^npm warn/i.test(line))
  const words = jsonSummary(stdout) ?? lines.slice(-4).join('; ')
  return words.replaceAll(/\/\/[^/@\s]+@/g, '//***@')
}

function jsonSummary(stdout: string): string | undefined {
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    return undefined // an npm that died before it could answer in JSON
  }
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return undefined
  const { error } = answer
  if (typeof error !== 'object' || error === null) return undefined
  const parts = ['code', 'summary'].map(key => (error as Record<string, unknown>)[key])
  const said = parts.filter(part => typeof part === 'string' && part !== '')
  return said.length > 0
    ? said
        .join(': ')
        .replaceAll(/\s*\n\s*/g, ' ')
        .trim()
    : undefined
}

/** What is to be seen to when npm has failed. */
export type NpmReason = 'login' | 'missing' | 'certificate' | 'network'

const HINTS: Readonly<Record<NpmReason, string>> = {
  login: 'Log in to the registry that npm uses (`npm login`), then start again.',
  missing:
    'The registry that npm uses does not carry this package: check `npm config get registry`, or pass --opencode-bin <path> --allow-external.',
  certificate: 'npm does not trust the certificate it was shown: set its `cafile`, or NODE_EXTRA_CA_CERTS.',
  network:
    'Check the network, or pass --opencode-bin <path> --allow-external to use an opencode that is installed already.',
}

function reasonOf(words: string): NpmReason {
  if (/\bE401\b|\bE403\b|ENEEDAUTH/.test(words)) return 'login'
  if (/\bE404\b|ETARGET/.test(words)) return 'missing'
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(words)) return 'certificate'
  return 'network'
}
