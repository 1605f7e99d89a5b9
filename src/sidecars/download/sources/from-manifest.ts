import { OpenworkError } from '../../../shared/errors.ts'
import { downloadPath, type WantedOpencode } from '../../cache/cache-layout.ts'
import { shownUrl } from '../../fetch/shown-url.ts'
import { listedFile, otherVersion, readManifest, urlsOf } from '../../release/read-manifest.ts'
import { mirrorHint } from '../../release/release.ts'
import { timedProgress, whileReporting } from '../progress.ts'
import { downloadReporting } from './download-reporting.ts'
import { MAX_ARCHIVE_BYTES, type Source, type SourceOptions, titleOf } from './source.ts'

/** Nobody counts on our own release being there, and others can be asked. */
const UNNAMED_ATTEMPTS = 2

/** The host of our own release files, or the mirror of it that the user named. */
export const fromManifest: Source = {
  name: 'the release files of openwork',
  async deliver(wanted, options) {
    const { release, sidecarDir } = options
    const { version, file } = await readListed(wanted, options)
    if (version !== wanted.version) throw otherVersion(release, 'opencode', version, wanted.version)
    const path = downloadPath(sidecarDir, `${wanted.name}-${version}.listed.${file.archive ?? 'bin'}`)
    const { sha256, size, archive, path: entry } = file
    const hint = mirrorHint(release)
    const maxBytes = size ?? MAX_ARCHIVE_BYTES
    const request = { what: titleOf(wanted), urls: urlsOf(file, release), path, sha256, size, maxBytes, hint }
    const url = await downloadReporting(request, options)
    const packed = archive && entry ? { archive, entry } : undefined
    return { path, packed, origin: shownUrl(url), hint }
  },
}

type ReadOptions = Pick<SourceOptions, 'release' | 'env' | 'signal' | 'limits' | 'onProgress' | 'debug'>

async function readListed(
  wanted: WantedOpencode,
  { release, env, signal, onProgress, debug, ...options }: ReadOptions,
): Promise<ReturnType<typeof listedFile>> {
  const limits = release.named.length > 0 ? options.limits : { attempts: UNNAMED_ATTEMPTS, ...options.limits }
  const report = timedProgress(titleOf(wanted), 'locating', onProgress)
  const from = URL.parse(release.manifestUrl)?.host
  const manifest = await whileReporting(
    () => report({ from }),
    () => readManifest(release, { env, signal, limits, debug }),
  )
  const target = wanted.name.replace(/^opencode-/, '')
  return listedFile(manifest, release, { names: ['opencode'], target })
}

/** Of builds that would all do, the best first, the first that the mirror which the user named has; else the best. */
export async function chooseListed(
  builds: readonly [WantedOpencode, ...WantedOpencode[]],
  options: ReadOptions,
): Promise<WantedOpencode> {
  if (options.release.named.length === 0 || builds.length === 1) return builds[0]
  for (const wanted of builds) {
    try {
      if ((await readListed(wanted, options)).version === wanted.version) return wanted
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof OpenworkError)) throw error
      if (error.code !== 'sidecar_manifest_invalid') break
    }
  }
  return builds[0]
}
