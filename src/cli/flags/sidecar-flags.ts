import { join } from 'node:path'
import { isLoopbackUrl } from '../../shared/loopback.ts'
import { VERSION } from '../../shared/version.ts'
import { shownUrl } from '../../sidecars/fetch/shown-url.ts'
import { MANIFEST_FILE, type ReleasePlace, releasePlace } from '../../sidecars/release/release.ts'
import type { ValuesOf } from '../kit/define.ts'
import { type Flag, path, url } from '../kit/flags.ts'

const SIDECARS = 'Where binaries come from'

/** A URL of files or of what is said about them: by http anybody on the way could change it. */
function mirrorUrl(options: Parameters<typeof url>[0]): Flag<string | undefined> {
  const flag: Flag<string | undefined> = url({ ...options, protocols: ['https', 'http', 'file'] })
  return {
    ...flag,
    read: (texts, where) => {
      const read = flag.read(texts, where)
      const parsed = URL.parse(read ?? '')
      if (parsed === null || parsed.protocol !== 'http:' || isLoopbackUrl(parsed)) return read
      throw where.invalid(
        'a URL that begins with https:// or file://, http:// being for this machine alone since anybody on the way could change the files',
        shownUrl(parsed),
      )
    },
  }
}

/** Where the cache of binaries is and what fills it: flags of every command that may download. */
export const sidecarPlaceFlags = {
  sidecarBaseUrl: mirrorUrl({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_BASE_URL',
    defaultText: 'the release of this version',
    summary: 'Mirror of the release files: https, file, or http on this machine',
  }),
  sidecarManifest: mirrorUrl({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_MANIFEST_URL',
    defaultText: `<base url>/${MANIFEST_FILE}`,
    summary: 'Manifest of the release files: https, file, or http on this machine',
  }),
  sidecarDir: path({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_DIR',
    summary: 'Cache of downloaded binaries; <data-dir>/sidecars when not given',
  }),
}

/** Where the cache is, and what fills it. */
export type SidecarPlace = ReleasePlace & { dir: string }

export const cacheDirOf = ({ dataDir, sidecarDir }: { dataDir: string; sidecarDir: string | undefined }): string =>
  sidecarDir ?? join(dataDir, 'sidecars')

export function parseSidecarPlace(values: ValuesOf<typeof sidecarPlaceFlags> & { dataDir: string }): SidecarPlace {
  const { sidecarBaseUrl: baseUrl, sidecarManifest: manifestUrl } = values
  return {
    dir: cacheDirOf(values),
    ...releasePlace(VERSION, { baseUrl, manifestUrl }),
  }
}
