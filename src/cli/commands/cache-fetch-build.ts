import type { WantedOpencode } from '../../sidecars/cache/cache-layout.ts'
import type { OnProgress } from '../../sidecars/download/progress.ts'
import type { Verifier } from '../../sidecars/verify/verify.ts'
import type { ByteProgress } from '../byte-progress.ts'
import type { SidecarPlace } from '../flags/sidecar-flags.ts'
import type { Context } from '../kit/context.ts'
import { MADE } from './cache-place.ts'

export type Fetching = {
  place: SidecarPlace
  verifier: Verifier
  context: Pick<Context, 'env' | 'output'>
  progress: ByteProgress
  signal: AbortSignal
}

/**
 * Downloads a build into the cache, unless another process does so first. Of several, all of which would do, the first
 * that a start would choose.
 */
export async function fetchBuild(
  [best, ...others]: readonly WantedOpencode[],
  { place, verifier, context, progress, signal }: Fetching,
): Promise<{ wanted: WantedOpencode; path: string }> {
  if (best === undefined) throw new Error('there is no build to fetch')
  const [{ downloadOpencode }, { chooseListed }, { OPENCODE_RELEASES }, { runnableHere }] = await Promise.all([
    import('../../sidecars/download/download-opencode.ts'),
    import('../../sidecars/download/sources/from-manifest.ts'),
    import('../../sidecars/download/sources/from-releases.ts'),
    import('../../sidecars/cache/cache-builds.ts'),
  ])
  const { env } = context
  const onProgress: OnProgress = step => progress.download(step)
  const wanted = await chooseListed([best, ...others], { release: place, env, signal, limits: undefined, onProgress })
  const { path, warnings } = await downloadOpencode(wanted, {
    sidecarDir: place.dir,
    env,
    verifier,
    release: place,
    opencodeReleases: OPENCODE_RELEASES,
    runsHere: (await runnableHere(MADE.pins)).includes(wanted.name),
    onProgress,
    signal,
    npmLimitMs: undefined,
    probeLimitMs: undefined,
    limits: undefined,
  })
  for (const warning of warnings) context.output.note(warning)
  return { wanted, path }
}
