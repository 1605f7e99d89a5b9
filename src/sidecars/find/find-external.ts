import { systemCode } from '../../shared/errors.ts'
import { probedStore } from '../cache/cache-layout.ts'
import { KnownFiles } from '../verify/known-files.ts'
import { type Probe, probeVersion } from '../verify/probe-version.ts'
import { findProgram } from './find-program.ts'

export type ExternalRequest = {
  /** A path, when it holds a separator or starts with `.`; else a name to look for on PATH. Default `opencode`. */
  explicitBin: string | undefined
  /** How the user has called it. */
  flag: string
  expectedVersion: string
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  sidecarDir: string
  /** False for a program of another machine: it is not asked for its version. */
  runsHere: boolean
  signal: AbortSignal | undefined
  probeLimitMs: number | undefined
}

export type ExternalOpencode = {
  readonly path: string
  /** Undefined when it gave no usable answer, or was not asked. */
  readonly actualVersion: string | undefined
  readonly warnings: readonly string[]
}

/**
 * An opencode that the user chose and answers for: another version, or none to be had, is only a warning.
 *
 * @throws OpenworkError `opencode_not_found`, `opencode_not_executable`
 */
export async function findExternal(request: ExternalRequest): Promise<ExternalOpencode> {
  const { expectedVersion, env, sidecarDir, signal, probeLimitMs } = request
  const path = await locate(request)
  if (!request.runsHere) return { path, actualVersion: undefined, warnings: [] }
  let problem: string | undefined
  const known = new KnownFiles(probedStore(sidecarDir))
  const actualVersion = await known.know(path, async () => {
    const probe = await probeVersion(path, { env, signal, limitMs: probeLimitMs }).catch(notAsked)
    problem = probe.problem
    return probe.version
  })
  const warnings: string[] = []
  if (actualVersion === undefined)
    warnings.push(`${path} ${problem}: its version is unknown, openwork is made for ${expectedVersion}`)
  else if (actualVersion !== expectedVersion)
    warnings.push(`${path} is opencode ${actualVersion}, openwork is made for ${expectedVersion}`)
  return { path, actualVersion, warnings }
}

/** A full or read-only folder for temporary files is no reason not to start: the probe needs it, opencode may not. */
function notAsked(error: unknown): Probe {
  if (!['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'ENOENT'].includes(systemCode(error) ?? '')) throw error
  return { problem: `could not be asked for its version (${error instanceof Error ? error.message : error})` }
}

const locate = ({ explicitBin, flag, env, cwd }: ExternalRequest): Promise<string> =>
  findProgram({
    bin: explicitBin ?? 'opencode',
    flag: explicitBin === undefined ? undefined : flag,
    env,
    cwd,
    codes: { notFound: 'opencode_not_found', notExecutable: 'opencode_not_executable' },
    hint: 'Pass its path with --opencode-bin <path> --allow-external, or --opencode-source auto for the one openwork brings.',
  })
