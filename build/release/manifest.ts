import { sidecarManifest } from '../../src/sidecars/release/manifest.ts'
import { executableAsset, type Platform, platformName } from '../../src/sidecars/release/release.ts'
import type { ReleaseFile } from './checksums.ts'
import type { OpencodeArchive } from './opencode-archives.ts'

type Manifest = ReturnType<typeof sidecarManifest.parse>
type Targets = NonNullable<Manifest['entries']['opencode']>['targets']

export type ManifestInput = {
  version: string
  generatedAt: Date
  executables: readonly (ReleaseFile & { platform: Platform })[]
  opencode: {
    version: string
    archives: readonly OpencodeArchive[]
  }
}

/**
 * The list of a release's files. Our other two programs name the same files as `openwork`: each is that executable under
 * another name, and whoever fetches it links it so.
 */
export function releaseManifest({ version, generatedAt, executables, opencode }: ManifestInput): Manifest {
  const targets: Targets = {}
  for (const { platform, sha256, size } of executables)
    targets[platformName(platform)] = { asset: executableAsset(platform), sha256, size }
  const archives: Targets = {}
  for (const { targets: names, name, sha256, size, program } of opencode.archives)
    for (const target of names)
      archives[target] = { asset: name, sha256, size, archive: 'tgz', path: `package/bin/${program}` }
  const own = { version, targets }
  return sidecarManifest.parse({
    version,
    generatedAt: generatedAt.toISOString(),
    entries: {
      openwork: own,
      'openwork-server': own,
      'opencode-router': own,
      ...(opencode.archives.length > 0 ? { opencode: { version: opencode.version, targets: archives } } : {}),
    },
  })
}
