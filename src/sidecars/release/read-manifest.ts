import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { DownloadOptions } from '../fetch/download-file.ts'
import { fetchText } from '../fetch/fetch-text.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { type SidecarEntry, type SidecarFile, type SidecarManifest, sidecarManifest } from './manifest.ts'
import { mirrorHint, type ReleasePlace } from './release.ts'

/** Ours has some 10 KB. */
const MAX_BYTES = 1024 * 1024
/** So many mistakes of a manifest are named. */
const MAX_ISSUES = 3

export type ManifestOptions = Pick<DownloadOptions, 'env' | 'signal' | 'limits' | 'debug'>

/** What came of asking, for as long as somebody holds on to the place. */
const read = new WeakMap<ReleasePlace, Promise<SidecarManifest>>()

/**
 * The manifest of a release. It is asked for once for each place object, failure or not: all that one search asks of the
 * same manifest gets one answer. A later search, which wants to see what has changed, begins with `anew(place)`.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` for something that is no manifest; what `fetchText` throws
 */
export async function readManifest(place: ReleasePlace, options: ManifestOptions): Promise<SidecarManifest> {
  const reading = read.get(place) ?? fetchManifest(place, options)
  read.set(place, reading)
  try {
    return await reading
  } catch (error) {
    if (options.signal?.aborted) read.delete(place) // says nothing about the place
    throw error
  }
}

async function fetchManifest(place: ReleasePlace, options: ManifestOptions): Promise<SidecarManifest> {
  const { manifestUrl: url } = place
  const text = await fetchText(url, {
    what: 'The manifest of the release',
    maxBytes: MAX_BYTES,
    hint: mirrorHint(place),
    ...options,
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw invalid(place, `is not JSON (${messageOf(error)}); it begins ${JSON.stringify(text.slice(0, 60))}`)
  }
  const parsed = sidecarManifest.safeParse(json)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the whole'}: ${message}`)
  const more = issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : ''
  throw invalid(place, `is not a sidecar manifest: ${issues.slice(0, MAX_ISSUES).join('; ')}${more}`)
}

/**
 * What the manifest lists of a program for a target.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` when it lists none
 */
export function listedFile(
  manifest: SidecarManifest,
  place: ReleasePlace,
  { names, target }: { names: readonly (keyof SidecarManifest['entries'])[]; target: string },
): { version: string; file: SidecarFile } {
  const entries = names.flatMap((name): SidecarEntry[] => {
    const entry = manifest.entries[name]
    return entry ? [entry] : []
  })
  if (entries.length === 0) throw invalid(place, `lists no ${names.join(' or ')}`)
  for (const { version, targets } of entries) {
    const file = Object.hasOwn(targets, target) ? targets[target] : undefined
    if (file !== undefined) return { version: version.replace(/^v(?=\d)/, ''), file }
  }
  const offered = [...new Set(entries.flatMap(({ targets }) => Object.keys(targets)))]
  throw invalid(place, `lists no ${names.join(' or ')} for ${target}, only for ${offered.join(', ') || 'nothing'}`)
}

/**
 * Where a listed file may be had, in the order to ask.
 *
 * @throws OpenworkError `sidecar_manifest_invalid` when there is no place that may be asked
 */
export function urlsOf(file: SidecarFile, place: ReleasePlace): string[] {
  const { baseUrl, manifestUrl, named } = place
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
  throw invalid(place, 'lists a file on the machine that reads it, which only a manifest there may do')
}

const invalid = (place: ReleasePlace, problem: string): OpenworkError =>
  new OpenworkError('sidecar_manifest_invalid', `The manifest ${shownUrl(place.manifestUrl)} ${problem}`, {
    hint: mirrorHint(place),
  })

/** For a manifest that lists another version than the one that is needed. */
export const otherVersion = (place: ReleasePlace, name: string, found: string, wanted: string): OpenworkError =>
  invalid(place, `lists ${name} ${found}, needed is ${wanted}`)
