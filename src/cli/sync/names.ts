import type { Skipped } from './plan.ts'

/** Windows reads these as a drive, a stream of another file, a device, or not at all. */
const WINDOWS_CHARACTERS = /[<>:"|?*\x00-\x1f]/
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i

/** Code points that file systems of Apple ignore in names: `.g\u200cit` is `.git` there. */
const IGNORED_IN_NAMES = /\p{Default_Ignorable_Code_Point}/gu

/** Whether names that differ in case or in the form of their accents are the same file. */
const foldsNames = (platform: NodeJS.Platform): boolean => platform === 'win32' || platform === 'darwin'

/**
 * Why a path of the other side cannot be a file here; undefined when it can. Paths come from a server, which may be
 * hostile: nothing is let through that could lead out of the folder, into another file, or into `.git`.
 */
export function findNameProblem(path: string, platform: NodeJS.Platform): string | undefined {
  if (path.includes('\0')) return 'its name holds a NUL byte'
  if (path.includes('\\')) return 'its name holds a backslash'
  if (!path.isWellFormed()) return 'its name is not valid Unicode'
  if (path !== path.trim()) return 'its name begins or ends with a blank'
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'it is not a plain relative path'
    if (Buffer.byteLength(segment) > 255) return 'its name is too long'
    if (folded(segment) === '.git') return 'it would be the folder of git'
    if (platform === 'win32' && isWindowsReserved(segment)) return 'Windows does not allow its name'
  }
  return undefined
}

const isWindowsReserved = (segment: string): boolean =>
  WINDOWS_CHARACTERS.test(segment) || /[ .]$/.test(segment) || WINDOWS_DEVICE.test(segment) || /^git~\d/i.test(segment)

/** Whatever a file system that folds names makes of this one. */
const folded = (name: string): string => name.normalize('NFC').replaceAll(IGNORED_IN_NAMES, '').toLowerCase()

/**
 * The paths that would be one file with another of them, or with one that is here already, where names are folded: all
 * but the first of each, those that are here counting first. None where every name is its own.
 */
export function findCollisions(
  paths: Iterable<string>,
  here: ReadonlySet<string>,
  platform: NodeJS.Platform,
): readonly Skipped[] {
  if (!foldsNames(platform)) return []
  const owners = new Map<string, string>()
  const claim = (path: string): string | undefined => {
    const segments = path.split('/')
    for (let count = 1; count <= segments.length; count++) {
      const name = segments.slice(0, count).join('/')
      const key = folded(name)
      const owner = owners.get(key)
      if (owner !== undefined && owner !== name) return owner
      owners.set(key, name)
    }
    return undefined
  }
  for (const path of here) claim(path)
  return [...paths].flatMap(path => {
    const owner = claim(path)
    return owner === undefined ? [] : [{ do: 'skip', path, reason: `this system takes it for ${owner}` } as const]
  })
}

/** `notes/a.md` → `notes/a (conflict 2026-11-22 16.30.05 laptop).md`; a number tells further ones apart. */
export function conflictName(path: string, { at, host, attempt }: { at: Date; host: string; attempt: number }): string {
  const slash = path.lastIndexOf('/') + 1
  const name = path.slice(slash)
  const dot = name.lastIndexOf('.')
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  // Without colons, which Windows does not allow.
  const date = at.toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.')
  const who = host.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 40)
  const mark = ` (conflict ${date} ${who}${attempt > 1 ? ` ${attempt}` : ''})`
  return path.slice(0, slash) + shortened(stem, 255 - Buffer.byteLength(mark + extension)) + mark + extension
}

/** As much of a text as fits, without half a character at its end. */
function shortened(text: string, maxBytes: number): string {
  let kept = text
  while (Buffer.byteLength(kept) > Math.max(0, maxBytes)) kept = [...kept].slice(0, -1).join('')
  return kept
}
