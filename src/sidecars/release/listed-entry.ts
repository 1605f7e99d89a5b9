import { readdir } from 'node:fs/promises'
import { z } from 'zod'
import { systemCode } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { listedEntryPath, ownExecutablePath } from '../cache/cache-layout.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { readOwnFile } from '../verify/known-files.ts'
import type { Platform, ReleasePlace } from './release.ts'

const listedEntry = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+[\w.+-]{0,58}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().positive(),
  /** Where it came from, without credentials. */
  url: z.string(),
  /** The manifest that listed it, without credentials. */
  manifestUrl: z.string(),
})

/** What a manifest said of our own executable when that was fetched. */
export type ListedEntry = Readonly<z.infer<typeof listedEntry>>

/**
 * Written beside the executable, for its user only: for starts without the manifest, and for `cache verify`. A folder that
 * cannot be written does not stop a start that has everything it needs.
 */
export async function keepListedEntry(executable: string, entry: ListedEntry): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic')
  try {
    await writeFileAtomic(listedEntryPath(executable), `${JSON.stringify(entry, null, 2)}\n`, { mode: 0o600 })
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}

/** Undefined when there is none, or one that others could have written. */
export async function readListedEntry(executable: string): Promise<ListedEntry | undefined> {
  try {
    return listedEntry.parse(JSON.parse(await readOwnFile(listedEntryPath(executable))))
  } catch (error) {
    const isNone = error instanceof SyntaxError || error instanceof z.ZodError || systemCode(error) !== undefined
    if (isNone) return undefined
    throw error
  }
}

/** Of what this manifest has listed for the platform and is kept: our own version, else the newest. */
export async function findListedEntry(
  sidecarDir: string,
  platform: Platform,
  { manifestUrl }: ReleasePlace,
): Promise<ListedEntry | undefined> {
  const names = await readdir(sidecarDir).catch((error: unknown): string[] => {
    if (systemCode(error) === undefined) throw error
    return []
  })
  const versions = names.filter(name => /^\d+\.\d+\.\d+/.test(name))
  const entries = await Promise.all(
    versions.map(async version => {
      const entry = await readListedEntry(ownExecutablePath(sidecarDir, version, platform))
      return entry?.version === version && entry.manifestUrl === shownUrl(manifestUrl) ? [entry] : []
    }),
  )
  const kept = entries.flat()
  return (
    kept.find(({ version }) => version === VERSION) ??
    kept.toSorted((a, b) => Bun.semver.order(b.version, a.version))[0]
  )
}
