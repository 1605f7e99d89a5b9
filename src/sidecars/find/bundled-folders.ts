import { realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { systemCode } from '../../shared/errors.ts'
import { readPlainFile } from '../../shared/plain-file.ts'

const MAX_VERSIONS_BYTES = 1024 * 1024

type Listed = { readonly version: string; readonly sha256: string | undefined }

/** A folder whose programs came with this one. */
export type BundledFolder = {
  readonly folder: string
  readonly versionsFile: string
  /** What the file says of the programs, by name; empty when it is missing or is none. */
  readonly versions: Readonly<Record<string, Listed>>
}

const FOLDER = 'OPENWORK_BUNDLED_SIDECAR_DIR'
const VERSIONS = 'OPENWORK_VERSION_MANIFEST'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where programs that came with this one may lie: beside the executable, in `sidecars/` there, in the `Resources` of a
 * Mac application, and where an application that embeds us says. Relative paths of the latter are passed over: they
 * would mean a folder of the workspace.
 */
export async function findBundledFolders(executablePath: string, env: Environment): Promise<BundledFolder[]> {
  const beside = dirname(await realpath(executablePath).catch(() => executablePath))
  const manifest = absolute(env[VERSIONS])
  const named = absolute(env[FOLDER]) ?? (manifest && dirname(manifest))
  const folders = [beside, join(beside, 'sidecars'), join(beside, '..', 'Resources')]
  const places = [
    ...folders.map(folder => ({ folder, versionsFile: join(folder, 'versions.json') })),
    ...(named ? [{ folder: named, versionsFile: manifest ?? join(named, 'versions.json') }] : []),
  ]
  return Promise.all(places.map(async place => ({ ...place, versions: await readVersions(place.versionsFile) })))
}

/** Sentences for the log: what an application that embeds us names and cannot be used. */
export async function findUnusable(env: Environment): Promise<string[]> {
  const warnings: string[] = []
  for (const variable of [FOLDER, VERSIONS]) {
    const path = env[variable]
    if (!path) continue
    if (!isAbsolute(path)) warnings.push(`${variable}=${path} must be absolute: not used`)
    else if ((await stat(path).catch(() => undefined)) === undefined)
      warnings.push(`${variable}=${path} does not exist: not used`)
  }
  return warnings
}

const absolute = (path: string | undefined): string | undefined => (path && isAbsolute(path) ? path : undefined)

async function readVersions(path: string): Promise<Record<string, Listed>> {
  let file: unknown
  try {
    file = JSON.parse(await readPlainFile(path, { maxBytes: MAX_VERSIONS_BYTES }))
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) !== undefined) return {}
    throw error
  }
  const versions: Record<string, Listed> = {}
  for (const [name, entry] of Object.entries(typeof file === 'object' && file !== null ? file : {})) {
    if (typeof entry !== 'object' || entry === null) continue
    const { version, sha256 } = entry as Record<string, unknown>
    if (typeof version !== 'string') continue
    versions[name] = {
      version: version.replace(/^v(?=\d)/, ''),
      sha256: typeof sha256 === 'string' ? sha256 : undefined,
    }
  }
  return versions
}
