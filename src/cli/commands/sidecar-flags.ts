import { join } from 'node:path'
import { VERSION } from '../../shared/version.ts'
import { MANIFEST_FILE, type ReleasePlace, releasePlace } from '../../sidecars/release/release.ts'
import type { ValuesOf } from '../kit/define.ts'
import { path, url } from '../kit/flags.ts'

const SIDECARS = 'Where binaries come from'

/** Where the cache of binaries is and what fills it: flags of every command that may download. */
export const sidecarPlaceFlags = {
  sidecarBaseUrl: url({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_BASE_URL',
    protocols: ['http', 'https', 'file'],
    defaultText: 'the release of this version',
    summary: 'Mirror of the release files',
  }),
  sidecarManifest: url({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_MANIFEST_URL',
    protocols: ['http', 'https', 'file'],
    defaultText: `<base url>/${MANIFEST_FILE}`,
    summary: 'Manifest of the release files; http, https or file',
  }),
  sidecarDir: path({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_DIR',
    summary: 'Cache of downloaded binaries; <data-dir>/sidecars when not given',
  }),
}

/** Where the cache is, and what fills it. */
export type SidecarPlace = ReleasePlace & { dir: string }

export function parseSidecarPlace(values: ValuesOf<typeof sidecarPlaceFlags> & { dataDir: string }): SidecarPlace {
  const { sidecarDir, sidecarBaseUrl: baseUrl, sidecarManifest: manifestUrl } = values
  return {
    dir: sidecarDir ?? join(values.dataDir, 'sidecars'),
    ...releasePlace(VERSION, { baseUrl, manifestUrl }),
  }
}
