import type { BigIntStats } from 'node:fs'
import { MAX_BATCH_BYTES, type ReadItem } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { failedItem, type ItemFailure } from './item-failure.ts'
import { requireFileSize } from './limits.ts'
import { readFile } from './read-file.ts'
import { revisionOf, wholeMs } from './revision.ts'
import { findRelativePath, findRoot } from './safe-path.ts'
import { slicesOf } from './slices.ts'

type Item = ReadItem | (ItemFailure & { path: string })

/**
 * Files of a workspace, in the order asked for; those that no longer fit into the answer fail with `batch_too_large`.
 * Throws `invalid_path` when any path is refused, or `workspace_not_a_folder`.
 */
export async function readBatch(folder: string, inputs: readonly string[]): Promise<Item[]> {
  const root = await findRoot(folder)
  const paths = await Promise.all(inputs.map(input => findRelativePath(root, input)))
  let leftBytes = MAX_BATCH_BYTES
  const items: Item[] = []
  for (const slice of slicesOf(paths)) {
    const read = await Promise.all(slice.map(path => readOne(root, path, leftBytes)))
    for (const item of read) {
      const fits = !item.ok || item.bytes <= leftBytes
      if (item.ok && fits) leftBytes -= item.bytes
      items.push(fits ? item : failedItem({ path: item.path }, noRoom(item.bytes), 'read_failed'))
    }
  }
  return items
}

async function readOne(root: string, path: string, leftBytes: number): Promise<Item> {
  try {
    const { bytes, stat } = await readFile(root, path, size => {
      requireFileSize(size)
      if (size > leftBytes) throw noRoom(size)
    })
    return readItem(path, bytes, stat)
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'invalid_path') throw error
    return failedItem({ path }, error, 'read_failed')
  }
}

const readItem = (path: string, bytes: Uint8Array, stat: BigIntStats): ReadItem => ({
  ok: true,
  path,
  kind: 'file',
  bytes: bytes.length,
  updatedAt: wholeMs(stat),
  revision: revisionOf(stat),
  contentBase64: bytes.toBase64(),
})

const noRoom = (size: number): OpenworkError =>
  new OpenworkError('batch_too_large', `The files asked for have more than ${MAX_BATCH_BYTES} bytes together`, {
    hint: 'Ask for this one in another batch',
    details: { maxBytes: MAX_BATCH_BYTES, size },
  })
