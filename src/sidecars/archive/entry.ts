import { OpenworkError } from '../../shared/errors.ts'

/** An exact path inside an archive, with `/`, which it may hold once; or the first file of a name, in whatever folder. */
export type WantedEntry = string | { readonly named: string }

/**
 * Whether a file is the wanted one, given whether that was found already.
 *
 * @throws OpenworkError `sidecar_archive_invalid` when the exact path comes a second time
 */
export function isWanted(path: string, entry: WantedEntry, isFound: boolean): boolean {
  if (typeof entry !== 'string') return !isFound && path.split('/').at(-1) === entry.named
  if (path === entry && isFound) throw invalidArchive(`holds ${entry} twice`)
  return path === entry
}

export const shownEntry = (entry: WantedEntry): string => (typeof entry === 'string' ? entry : entry.named)

/** @throws OpenworkError `sidecar_archive_invalid` for a path that an unpacker could be led astray by */
export function refuseUnsafePath(path: string): void {
  const shown = JSON.stringify(path)
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.includes('\\'))
    throw invalidArchive(`holds the absolute or foreign path ${shown}`)
  if (path.split('/').includes('..')) throw invalidArchive(`holds ${shown}, which leads out of its folder`)
}

/** @param problem goes on after `The archive` */
export const invalidArchive = (problem: string, cause?: unknown): OpenworkError =>
  new OpenworkError('sidecar_archive_invalid', `The archive ${problem}`, {
    hint: 'It was not unpacked. Check the registry or mirror it came from.',
    cause,
  })
