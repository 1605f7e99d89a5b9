import type { WantedOpencode } from '../../sidecars/cache/cache-layout.ts'
import type { Verifier } from '../../sidecars/verify/verify.ts'
import type { ByteProgress } from '../byte-progress.ts'
import type { Context } from '../kit/context.ts'
import { MADE } from './cache-place.ts'
import type { SidecarPlace } from './sidecar-flags.ts'

export type Fetching = {
  place: SidecarPlace
  verifier: Verifier
  context: Pick<Context, 'env' | 'output'>
  progress: ByteProgress
  signal: AbortSignal
}

/** Downloads a build into the cache, unless another process does so first. Resolves to its path. */
export async function fetchBuild(
  wanted: WantedOpencode,
  { place, verifier, context, progress, signal }: Fetching,
): Promise<string> {
  const [{ downloadOpencode }, { OPENCODE_RELEASES }, { runnableHere }] = await Promise.all([
    import('../../sidecars/download/download-opencode.ts'),
    import('../../sidecars/download/sources/from-releases.ts'),
    import('../../sidecars/cache/cache-builds.ts'),
  ])
  const { path, warnings } = await downloadOpencode(wanted, {
    sidecarDir: place.dir,
    env: context.env,
    verifier,
    release: place,
    opencodeReleases: OPENCODE_RELEASES,
    runsHere: (await runnableHere(MADE.pins)).includes(wanted.name),
    onProgress: step => progress.download(step),
    signal,
    npmLimitMs: undefined,
    probeLimitMs: undefined,
    limits: undefined,
  })
  for (const warning of warnings) context.output.note(warning)
  return path
}
