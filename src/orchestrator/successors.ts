import type { RuntimeService } from '../api/runtime.ts'
import { VERSION } from '../shared/version.ts'
import type { FoundOpencode } from '../sidecars/find/ensure-opencode.ts'
import type { FoundOwnProgram } from '../sidecars/find/ensure-own-program.ts'
import { anew, releasePlace } from '../sidecars/release/release.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import { ExecutableOnDisk } from './executable-on-disk.ts'
import { findBinary, findServer } from './find-programs.ts'
import type { StartOptions } from './options.ts'
import type { PrepareDeps } from './prepare-deps.ts'
import type { RuntimeProgram } from './runtime-program.ts'

/** What a service is to run from now on, and what comes back when that does not come up. */
export type Successor = { program: RuntimeProgram; spec: ServiceSpec; fallback: ServiceSpec }

export type SuccessorOptions = {
  disk: ExecutableOnDisk
  /** Ours: that of the running orchestrator. */
  version: string
  env: Readonly<Record<string, string | undefined>>
  sidecarDir: string
  /** The user chose the opencode: it is theirs to renew. */
  isOpencodeExternal: boolean
  /** As the start found it. */
  ensureOpencode(signal: AbortSignal): Promise<Omit<FoundOpencode, 'warnings'>>
  /** As the start found it, by what the manifest says now; without a place that was named, by that of this version. */
  ensureServer(version: string, signal: AbortSignal): Promise<Omit<FoundOwnProgram, 'warnings'>>
}

/** Upgrades of a host that was started with these options. */
export function successorOptions(
  { opencode, sidecars, ...options }: StartOptions,
  deps: PrepareDeps,
): SuccessorOptions {
  return {
    disk: new ExecutableOnDisk(deps.self, { version: VERSION, env: deps.env }),
    version: VERSION,
    env: { ...deps.env, ...mirrorEnvironment(sidecars) },
    sidecarDir: sidecars.dir,
    isOpencodeExternal: opencode.source === 'external' || opencode.bin !== undefined,
    ensureOpencode: signal => findBinary({ opencode, sidecars: anew(sidecars), ...options }, { ...deps, signal }),
    ensureServer: (version, signal) => {
      const place = releasePlace(version, namedPlace(sidecars))
      return findServer({ opencode, sidecars: { ...sidecars, ...place }, ...options }, { ...deps, signal })
    },
  }
}

const namedPlace = ({ baseUrl, manifestUrl, named }: StartOptions['sidecars']) => ({
  ...(named.includes('baseUrl') && { baseUrl }),
  ...(named.includes('manifestUrl') && { manifestUrl }),
})

/** The mirror that was named; without one the other openwork knows where its own release is. */
function mirrorEnvironment(sidecars: StartOptions['sidecars']): Record<string, string> {
  const { baseUrl, manifestUrl } = namedPlace(sidecars)
  return {
    ...(baseUrl !== undefined && { OPENWORK_SIDECAR_BASE_URL: baseUrl }),
    ...(manifestUrl !== undefined && { OPENWORK_SIDECAR_MANIFEST_URL: manifestUrl }),
  }
}

/**
 * What runs after an upgrade: opencode is pinned in our executable, so both follow what the file is that we were started
 * from; a server that was downloaded follows the manifest it is listed in. While those say the same as before, so are the
 * programs.
 *
 * @throws OpenworkError `upgrade_failed`, and what finding a program throws; nothing is started or ended here
 */
export async function findSuccessor(
  { program, spec, current }: { program: RuntimeProgram; spec: ServiceSpec; current: ServiceSpec },
  options: SuccessorOptions,
  signal: AbortSignal,
): Promise<Successor> {
  const onDisk = await options.disk.version()
  if (program.name === 'opencode') {
    const found = await ensureOpencode(onDisk, options, signal)
    const { source, path, expectedVersion, actualVersion } = found
    return {
      program: { ...program, source, path, targetVersion: expectedVersion, actualVersion },
      spec: withProgram(spec, path),
      fallback: current,
    }
  }
  if (program.name === 'openwork-server' && program.source === 'downloaded') {
    const { path, expectedVersion, actualVersion } = await options.ensureServer(onDisk ?? options.version, signal)
    return {
      program: { ...program, path, targetVersion: expectedVersion, actualVersion },
      spec: withProgram(spec, path),
      fallback: current,
    }
  }
  if (!followsDisk(program)) return { program, spec, fallback: current }
  const fallback = withProgram(spec, await options.disk.findOurs())
  if (onDisk === undefined) return { program, spec: fallback, fallback }
  return { program: { ...program, targetVersion: onDisk, actualVersion: onDisk }, spec, fallback }
}

/** Whether it is our own executable that the service runs, not one that was downloaded or chosen for it. */
export const followsDisk = ({ name, source }: { name: RuntimeService; source: string }): boolean =>
  name !== 'opencode' && source === 'bundled'

async function ensureOpencode(
  onDisk: string | undefined,
  { disk, version, env, sidecarDir, isOpencodeExternal, ensureOpencode }: SuccessorOptions,
  signal: AbortSignal,
): Promise<Omit<FoundOpencode, 'warnings' | 'source'> & { source: string }> {
  if (onDisk === undefined || onDisk === version || isOpencodeExternal) return await ensureOpencode(signal)
  const { bringOpencode } = await import('../upgrade/other-openwork.ts')
  const brought = await bringOpencode(disk.path, { env, sidecarDir, signal })
  if (brought === undefined) return await ensureOpencode(signal)
  return { ...brought, expectedVersion: brought.version, actualVersion: brought.version }
}

const withProgram = (spec: ServiceSpec, program: string): ServiceSpec => ({
  ...spec,
  argv: [program, ...spec.argv.slice(1)],
})
