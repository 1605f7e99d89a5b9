import { downloadPath } from '../../cache/cache-layout.ts'
import { shownUrl } from '../../fetch/shown-url.ts'
import type { ReleasePlace } from '../../release/release.ts'
import { downloadReporting } from './download-reporting.ts'
import { MAX_ARCHIVE_BYTES, type Source, titleOf } from './source.ts'

/** Where opencode's makers publish it; `/v<version>/<asset>` follows. */
export const OPENCODE_RELEASES = 'https://github.com/anomalyco/opencode/releases/download'

/** Fewer than usual: npm can be asked as well. */
const ATTEMPTS = 3

const hintFor = ({ named }: ReleasePlace): string =>
  named.length > 0
    ? 'Check the network and the proxy variables.'
    : 'Check the network and the proxy variables, or name a mirror of the release files with --sidecar-base-url <url>.'

/** opencode's own release archives. They come without a hash: the pin of the binary inside decides. */
export const fromReleases: Source = {
  name: 'the releases of opencode',
  async deliver(wanted, options) {
    const { name, version, pin } = wanted
    const archive = name.startsWith('opencode-linux-') ? 'tar.gz' : 'zip'
    const urls = [`${options.opencodeReleases}/v${version}/${name}.${archive}`]
    const path = downloadPath(options.sidecarDir, `${name}-${version}.release.${archive}`)
    const hint = hintFor(options.release)
    const request = { what: titleOf(wanted), urls, path, maxBytes: MAX_ARCHIVE_BYTES, hint }
    const url = await downloadReporting(request, { ...options, limits: { attempts: ATTEMPTS, ...options.limits } })
    return { path, packed: { archive, entry: { named: pin.file } }, origin: shownUrl(url), hint }
  },
}
