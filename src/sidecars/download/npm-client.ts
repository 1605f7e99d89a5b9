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
  const end = await runProgram(npmArgv(npm, [...args, '--loglevel=error', '--update-notifier=false']), {
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
    })
  const words = npmWords(end.stdout, end.stderr)
  if (/\bENOSPC\b|no space left/i.test(words))
    return new OpenworkError('disk_full', `${command} ran out of disk space: ${words}`, {
      hint: 'Free some space (npm keeps its own cache in the home folder: `npm cache clean --force`), or pass --sidecar-dir.',
    })
  const how = end.code === null ? `was ended by ${end.signal}` : `failed (exit code ${end.code})`
  return new OpenworkError('sidecar_download_failed', `${command} ${how}: ${words || 'it gave no reason'}`, {
    hint: npmHint(words),
    details: { exitCode: end.code, signal: end.signal },
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

function npmHint(words: string): string {
  if (/\bE401\b|\bE403\b|ENEEDAUTH/.test(words))
    return 'Log in to the registry that npm uses (`npm login`), then start again.'
  if (/\bE404\b|ETARGET/.test(words))
    return 'The registry that npm uses does not carry this package: check `npm config get registry`, or pass --opencode-bin <path> --allow-external.'
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(words))
    return 'npm does not trust the certificate it was shown: set its `cafile`, or NODE_EXTRA_CA_CERTS.'
  return 'Check the network, or pass --opencode-bin <path> --allow-external to use an opencode that is installed already.'
}
