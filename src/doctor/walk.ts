import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { unlessSystemError } from '../shared/errors.ts'

export type FoundFile = {
  readonly path: string
  /** The same below the folder that was walked, with slashes. */
  readonly below: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly mode: number
  readonly uid: number
  readonly bytes: number
  readonly modifiedMs: number
}

const MAX_FILES = 50_000
/** Of other makers, without end, and nothing in them is ours. */
const NOT_OURS = new Set(['node_modules', '.git'])
const MAX_DEPTH = 12

/**
 * What is in a folder and below it, its own files before those further down. Looks at names only: follows no link and
 * opens nothing. `isCut` when there was too much of it.
 */
export async function walk(root: string, signal: AbortSignal): Promise<{ files: FoundFile[]; isCut: boolean }> {
  const files: FoundFile[] = []
  let folders = [{ path: root, below: '' }]
  for (let depth = 0; depth < MAX_DEPTH && folders.length > 0; depth += 1) {
    const next: typeof folders = []
    for (const folder of folders) {
      signal.throwIfAborted()
      // Gone meanwhile, or closed to us.
      const names = (await readdir(folder.path).catch(unlessSystemError)) ?? []
      for (const name of names.sort()) {
        if (files.length >= MAX_FILES) return { files, isCut: true }
        const found = await look(join(folder.path, name), folder.below === '' ? name : `${folder.below}/${name}`)
        if (found === undefined) continue
        files.push(found)
        if (found.kind === 'folder' && !NOT_OURS.has(name)) next.push(found)
      }
    }
    folders = next
  }
  return { files, isCut: folders.length > 0 }
}

async function look(path: string, below: string): Promise<FoundFile | undefined> {
  const found = await lstat(path).catch(unlessSystemError)
  if (found === undefined) return undefined
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'other'
  const { mode, uid, size: bytes, mtimeMs: modifiedMs } = found
  return { path, below, kind, mode, uid, bytes, modifiedMs }
}
