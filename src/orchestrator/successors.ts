import type { RuntimeService } from '../api/runtime.ts'
import { VERSION } from '../shared/version.ts'
import type { FoundOpencode } from '../sidecars/find/ensure-opencode.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import { ExecutableOnDisk } from './executable-on-disk.ts'
import { findBinary } from './find-programs.ts'
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
    ensureOpencode: signal => findBinary({ opencode, sidecars, ...options }, { ...deps, signal }),
  }
}

/** The mirror that was named; without one the other openwork knows where its own release is. */
function mirrorEnvironment({ baseUrl, manifestUrl, named }: StartOptions['sidecars']): Record<string, string> {
  return {
    ...(named.includes('baseUrl') && { OPENWORK_SIDECAR_BASE_URL: baseUrl }),
    ...(named.includes('manifestUrl') && { OPENWORK_SIDECAR_MANIFEST_URL: manifestUrl }),
  }
}

/**
 * What runs after an upgrade: opencode is pinned in our executable, so both follow what the file is that we were started
 * from. While that is still this version, the same programs are looked for again.
 *
 * @throws OpenworkError `upgrade_failed`, and what finding opencode throws; nothing is started or ended here
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
