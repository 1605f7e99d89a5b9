import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenworkError } from '../shared/errors.ts'
import { findOnPath } from './find-on-path.ts'
import { runProgram } from './run-program.ts'

/** A slow line needs minutes for 60 MB; npm itself gives up on a dead one much earlier. */
const PACK_LIMIT_MS = 15 * 60_000

export type NpmPackOptions = {
  /** The user's environment: npm's own settings, proxies and certificates are meant to apply. */
  env: Readonly<Record<string, string | undefined>>
  limitMs?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * Fetches one package with the user's own npm client, so that their registry, mirror, proxy and credentials apply, and
 * resolves to the path of its `.tgz` inside `folder`. No script of any package is run. `folder` must be empty and ours.
 *
 * @throws OpenworkError `sidecar_download_failed` with npm's own words, `disk_full`; the reason of an aborted `signal`
 */
export async function npmPack(
  spec: { name: string; version: string },
  folder: string,
  { env, limitMs = PACK_LIMIT_MS, signal }: NpmPackOptions,
): Promise<string> {
  const npm = await findOnPath(process.platform === 'win32' ? ['npm.cmd', 'npm.exe'] : ['npm'], env)
  if (npm === undefined)
    throw new OpenworkError('sidecar_download_failed', 'npm was not found on PATH', {
      hint: 'Install Node.js with npm, or pass --opencode-bin <path> --allow-external.',
    })
  // A package.json makes npm take this folder as the project: without one it walks up, and reads the .npmrc it finds.
  await writeFile(join(folder, 'package.json'), '{"private":true}\n', { mode: 0o600 })
  const packed = join(folder, 'packed')
  await mkdir(packed, { mode: 0o700 })
  const { name, version } = spec
  // Nothing in these arguments needs quoting, so that they pass cmd.exe as they are: the path is relative to the cwd.
  const args = ['pack', `${name}@${version}`, '--json', '--pack-destination', 'packed', '--ignore-scripts']
  const end = await runProgram(npmArgv(npm, [...args, '--loglevel=error', '--update-notifier=false']), {
    cwd: folder,
    env: npmEnvironment(env, dirname(npm)),
    limitMs,
    signal,
  })
  const archives = (await readdir(packed)).filter(file => file.endsWith('.tgz'))
  const [archive] = archives
  if (end.code === 0 && archive !== undefined && archives.length === 1) return join(packed, archive)
  throw npmFailure(`npm pack ${name}@${version}`, end, limitMs)
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

function npmEnvironment(env: NpmPackOptions['env'], npmFolder: string): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const [key, value] of Object.entries(env))
    if (value !== undefined && !NOT_FOR_NPM.test(key) && !OTHER_PROJECT.test(key)) passed[key] = value
  const pathKey = Object.keys(passed).find(key => key.toUpperCase() === 'PATH') ?? 'PATH'
  const separator = process.platform === 'win32' ? ';' : ':'
  // npm starts `node` by name: the one it was installed with is beside it.
  passed[pathKey] = `${passed[pathKey] ?? ''}${separator}${npmFolder}`
  return passed
}

function npmFailure(
  command: string,
  end: { code: number | null; signal: string | null; stdout: string; stderr: string; timedOut: boolean },
  limitMs: number,
): OpenworkError {
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
