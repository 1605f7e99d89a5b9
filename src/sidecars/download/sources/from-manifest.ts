import { downloadPath } from '../../cache/cache-layout.ts'
import { shownUrl } from '../../fetch/shown-url.ts'
import { listedFile, otherVersion, readManifest, urlsOf } from '../../release/read-manifest.ts'
import { downloadReporting } from './download-reporting.ts'
import { MAX_ARCHIVE_BYTES, type Source, titleOf } from './source.ts'

/** Nobody counts on our own release being there, and others can be asked. */
const UNNAMED_ATTEMPTS = 2

const HINT = 'Check the mirror named with --sidecar-base-url or --sidecar-manifest, or leave these out.'

/** The host of our own release files, or the mirror of it that the user named. */
export const fromManifest: Source = {
  name: 'the release files of openwork',
  async deliver(wanted, options) {
    const { release, sidecarDir, env, signal } = options
    const limits = release.named.length > 0 ? options.limits : { attempts: UNNAMED_ATTEMPTS, ...options.limits }
    const manifest = await readManifest(release, { env, signal, limits })
    const target = wanted.name.replace(/^opencode-/, '')
    const { version, file } = listedFile(manifest, release, { names: ['opencode'], target })
    if (version !== wanted.version) throw otherVersion(release, 'opencode', version, wanted.version)
    const path = downloadPath(sidecarDir, `${wanted.name}-${version}.listed.${file.archive ?? 'bin'}`)
    const { sha256, size, archive, path: entry } = file
    const maxBytes = size ?? MAX_ARCHIVE_BYTES
    const request = { what: titleOf(wanted), urls: urlsOf(file, release), path, sha256, size, maxBytes, hint: HINT }
    const url = await downloadReporting(request, options)
    const packed = archive && entry ? { archive, entry } : undefined
    return { path, packed, origin: shownUrl(url), hint: HINT }
  },
}
