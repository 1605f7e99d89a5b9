import { dirname, join } from 'node:path'
import type { OpencodePin } from '../pins/opencode-pins.ts'
import { type Platform, platformName } from '../release/release.ts'

// Everything that a sidecar folder may hold. What is being fetched carries the lock `<folder of the build>.lock`.
//
//   opencode/<version>/<package>/opencode[.exe]   a verified build; `.tmp-*` beside it is of the lock's holder
//   <version>/<platform>/openwork[.exe]           our own executable, and its other two names as links to it
//   <version>/<platform>/listed.json              what the manifest says of it; see release/listed-entry.ts
//   downloads/<name>.part*                        what has arrived of an archive; outlives a kill, goes with success
//   verified.json                                 hashes of files that have not changed since
//   probed-versions.json                          versions of the user's own programs that have not changed since

/** One build of opencode, and what it must be. */
export type WantedOpencode = { readonly name: string; readonly version: string; readonly pin: OpencodePin }

const OPENCODE = 'opencode'
const DOWNLOADS = 'downloads'

/** In the folder of a build, for the holder of its lock alone: any that another start finds belongs to one that was killed. */
export const TEMP_PREFIX = '.tmp-'

/** In the folder of an executable, while it gets another name. */
export const LINK_PREFIX = '.link-'

/** Folders whose names begin so are ours, whatever is in them. */
export const SCRATCH_PREFIXES = [TEMP_PREFIX, LINK_PREFIX]

/** The folder of a version. */
export const VERSION_NAME = /^\d+\.\d+\.\d+[\w.+-]*$/

/** Where a build of opencode is kept. Nothing stands under this name that was not verified when it was put there. */
export const cachedPath = (sidecarDir: string, { name, version, pin }: WantedOpencode): string =>
  join(sidecarDir, OPENCODE, version, name, pin.file)

/** The builds of opencode, a folder for each version. */
export const opencodeBuilds = (sidecarDir: string): string => join(sidecarDir, OPENCODE)

/** Where our own executable of a release is kept, under the same promise. */
export const ownExecutablePath = (sidecarDir: string, version: string, platform: Platform): string =>
  join(sidecarDir, version, platformName(platform), platform.os === 'windows' ? 'openwork.exe' : 'openwork')

/** Beside our own executable: what the manifest said of it when it was fetched. */
export const listedEntryPath = (executable: string): string => join(dirname(executable), 'listed.json')

/** Transfers under way, and those that were broken off. */
export const downloadsFolder = (sidecarDir: string): string => join(sidecarDir, DOWNLOADS)

/** Where an archive goes while it is fetched. The name says what is in it, so that the next start can go on with it. */
export const downloadPath = (sidecarDir: string, name: string): string => join(downloadsFolder(sidecarDir), name)

const DOWNLOAD_NAME =
  /^(?<file>(?<build>(?:opencode|openwork)-(?<target>[a-z0-9]+-[a-z0-9]+(?:-baseline)?(?:-musl)?))-(?<version>\d+\.\d+\.\d+(?:[-+][\w.+-]*?)?)(?:\.(?:listed|release)\.(?:tar\.gz|tgz|zip|bin))?)(?:\.part|\.part\.json|\.lock)?$/

/**
 * What the name of something in the folder of downloads says: ours are `<build>-<version>`, whose
 * release it is of, how it is packed, and its state. Without the release, an archive is one that anybody has from npm.
 */
export function parseDownloadName(
  name: string,
): { download: string; target: string; version: string; file: string } | undefined {
  const { file, build, target, version } = DOWNLOAD_NAME.exec(name)?.groups ?? {}
  return file && target && version ? { download: `${build}-${version}`, target, version, file } : undefined
}

/** The lock of a build's folder; a folder itself. */
export const lockOf = (buildFolder: string): string => `${buildFolder}.lock`

/** What verification remembers. */
export const verifiedStore = (sidecarDir: string): string => join(sidecarDir, 'verified.json')

/** What probing remembers. */
export const probedStore = (sidecarDir: string): string => join(sidecarDir, 'probed-versions.json')
