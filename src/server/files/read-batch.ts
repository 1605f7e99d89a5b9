import { MAX_BATCH_BYTES, type ReadItem } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { failedItem, type ItemFailure } from './item-failure.ts'
import { requireFileSize } from './limits.ts'
import { readFile } from './read-file.ts'
import { revisionOf, wholeMs } from './revision.ts'
import { findRelativePath } from './safe-path.ts'

/**
 * Files of a workspace, in the order asked for; those that no longer fit into the answer fail with `batch_too_large`.
 * Throws `invalid_path` when any path is refused.
 */
export async function readBatch(
  root: string,
  inputs: readonly string[],
): Promise<(ReadItem | (ItemFailure & { path: string }))[]> {
  const paths = await Promise.all(inputs.map(input => findRelativePath(root, input)))
  let leftBytes = MAX_BATCH_BYTES
  const items = []
  for (const path of paths) {
    try {
      const { bytes, stat } = await readFile(root, path, size => {
        requireFileSize(size)
        requireRoom(size, leftBytes)
      })
      leftBytes -= bytes.length
      items.push({
        ok: true as const,
        path,
        kind: 'file' as const,
        bytes: bytes.length,
        updatedAt: wholeMs(stat),
        revision: revisionOf(stat),
        contentBase64: bytes.toBase64(),
      })
    } catch (error) {
      if (error instanceof OpenworkError && error.code === 'invalid_path') throw error
      items.push(failedItem({ path }, error, 'read_failed'))
    }
  }
  return items
}

function requireRoom(size: number, leftBytes: number): void {
  if (size <= leftBytes) return
  const message = `The files asked for have more than ${MAX_BATCH_BYTES} bytes together`
  throw new OpenworkError('batch_too_large', message, {
    hint: 'Ask for this one in another batch',
    details: { maxBytes: MAX_BATCH_BYTES, size },
  })
}
