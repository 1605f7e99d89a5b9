import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { DownloadOptions } from '../fetch/download-file.ts'
import { fetchText } from '../fetch/fetch-text.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { type SidecarEntry, type SidecarFile, type SidecarManifest, sidecarManifest } from './manifest.ts'
import type { ReleasePlace } from './release.ts'

/** Ours has some 10 KB. */
const MAX_BYTES = 1024 * 1024
/** So many mistakes of a manifest are named. */
const MAX_ISSUES = 3

const HINT =
  'Check --sidecar-manifest and --sidecar-base-url (OPENWORK_SIDECAR_MANIFEST_URL, OPENWORK_SIDECAR_BASE_URL), or leave them out.'

export type ManifestOptions = Pick<DownloadOptions, 'env' | 'signal' | 'limits'>

/** A release does not change: one that was read once is not asked for again in this process. */
const known = new Map<string, SidecarManifest>()

/**
 * The manifest of a release.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` for something that is no manifest; what `fetchText` throws
 */
export async function readManifest({ manifestUrl }: ReleasePlace, options: ManifestOptions): Promise<SidecarManifest> {
  const manifest = known.get(manifestUrl) ?? (await fetchManifest(manifestUrl, options))
  known.set(manifestUrl, manifest)
  return manifest
}

async function fetchManifest(url: string, options: ManifestOptions): Promise<SidecarManifest> {
  const text = await fetchText(url, {
    what: 'the manifest of the release',
    maxBytes: MAX_BYTES,
    hint: HINT,
    ...options,
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw invalid(url, `is not JSON (${messageOf(error)}); it begins ${JSON.stringify(text.slice(0, 60))}`)
  }
  const parsed = sidecarManifest.safeParse(json)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`)
  const more = issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : ''
  throw invalid(url, `is not a sidecar manifest: ${issues.slice(0, MAX_ISSUES).join('; ')}${more}`)
}

/**
 * What the manifest lists of a program for a target.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` when it lists none
 */
export function listedFile(
  manifest: SidecarManifest,
  { manifestUrl }: ReleasePlace,
  { names, target }: { names: readonly (keyof SidecarManifest['entries'])[]; target: string },
): { version: string; file: SidecarFile } {
  const entries = names.flatMap((name): SidecarEntry[] => {
    const entry = manifest.entries[name]
    return entry ? [entry] : []
  })
  if (entries.length === 0) throw invalid(manifestUrl, `lists no ${names.join(' or ')}`)
  for (const { version, targets } of entries) {
    const file = Object.hasOwn(targets, target) ? targets[target] : undefined
    if (file !== undefined) return { version: version.replace(/^v(?=\d)/, ''), file }
  }
  const offered = [...new Set(entries.flatMap(({ targets }) => Object.keys(targets)))]
  throw invalid(
    manifestUrl,
    `lists no ${names.join(' or ')} for ${target}, only for ${offered.join(', ') || 'nothing'}`,
  )
}

/**
 * Where a listed file may be had, in the order to ask.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` when there is no place that may be asked
 */
export function urlsOf(file: SidecarFile, { baseUrl, manifestUrl, named }: ReleasePlace): string[] {
  const { asset } = file
  const beside = asset === undefined ? [] : [new URL(asset, manifestUrl).href]
  const inBase = asset === undefined ? [] : [`${baseUrl}/${asset}`]
  // The default release is the last resort of somebody who named a manifest of their own.
  const assets = named.includes('baseUrl') ? [...inBase, ...beside] : [...beside, ...inBase]
  // Whoever runs a web server has no say in what is read of this machine.
  const mayBeLocal = manifestUrl.startsWith('file:')
  const isAllowed = (url: string): boolean => mayBeLocal || !/^file:/i.test(url)
  const first = file.url === undefined ? [] : [file.url]
  const urls = [...new Set([...first.filter(isAllowed), ...assets, ...(file.urls ?? []).filter(isAllowed)])]
  if (urls.length > 0) return urls
  throw invalid(manifestUrl, 'lists a file on the machine that reads it, which only a manifest there may do')
}

const invalid = (url: string, problem: string): OpenworkError =>
  new OpenworkError('sidecar_manifest_invalid', `The manifest ${shownUrl(url)} ${problem}`, { hint: HINT })

/** For a manifest that lists another version than the one that is needed. */
export const otherVersion = (place: ReleasePlace, name: string, found: string, wanted: string): OpenworkError =>
  invalid(place.manifestUrl, `lists ${name} ${found}, needed is ${wanted}`)
