import { sep } from 'node:path'
import { MAX_BATCH_BYTES, type WriteRequest, type WrittenItem } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { type Expectation, findFile, requireExpected } from './atomic-write.ts'
import type { FileChanges, Target } from './file-changes.ts'
import { openPlace } from './folder.ts'
import { failedItem, type ItemFailure } from './item-failure.ts'
import { decodeBase64, requireFileSize } from './limits.ts'
import { absolutePathOf, findRelativePath } from './safe-path.ts'
import { slicesOf } from './slices.ts'

export type PlannedWrite = {
  path: string
  absolute: string
  bytes: Uint8Array
  expected: Expectation
  /** Why it will not be tried; seen before anybody is asked. */
  refusal: (ItemFailure & { path: string }) | undefined
}

/**
 * What a batch would do, nothing done yet. Throws `invalid_path`, `invalid_payload` or `batch_too_large` for the whole
 * of it; what only concerns one file is its refusal.
 */
export async function planWrites(root: string, writes: readonly WriteRequest[]): Promise<PlannedWrite[]> {
  let totalBytes = 0
  const decoded = writes.map(({ contentBase64 }, index) => {
    const bytes = decodeBase64(contentBase64, `writes.${index}.contentBase64`)
    totalBytes += bytes.length
    return bytes
  })
  if (totalBytes > MAX_BATCH_BYTES)
    throw new OpenworkError('batch_too_large', `The files have ${totalBytes} bytes together`, {
      hint: `Send at most ${MAX_BATCH_BYTES} at once`,
      details: { maxBytes: MAX_BATCH_BYTES, size: totalBytes },
    })
  return Promise.all(writes.map((write, index) => planWrite(root, write, decoded[index] ?? new Uint8Array())))
}

async function planWrite(root: string, write: WriteRequest, bytes: Uint8Array): Promise<PlannedWrite> {
  const path = await findRelativePath(root, write.path)
  const absolute = await absolutePathOf(root, path)
  const expected = expectationOf(write)
  return { path, absolute, bytes, expected, refusal: await findRefusal(root, path, bytes, expected) }
}

const expectationOf = ({ ifMatchRevision, force, createOnly }: WriteRequest): Expectation => {
  if (force) return { be: 'anything' }
  if (createOnly) return { be: 'nothing' }
  return ifMatchRevision === undefined ? { be: 'anything' } : { be: 'revision', revision: ifMatchRevision }
}

async function findRefusal(
  root: string,
  path: string,
  bytes: Uint8Array,
  expected: Expectation,
): Promise<PlannedWrite['refusal']> {
  try {
    requireFileSize(bytes.length)
    await using place = await openPlace(root, path)
    requireExpected(expected, place && (await findFile(place.path, path)))
    return undefined
  } catch (error) {
    return failedItem({ path }, error, 'write_failed')
  }
}

type Item = WrittenItem | (ItemFailure & { path: string })

/**
 * Makes the planned writes; each is judged once more, and fails alone. Those of one place, or one within the other,
 * follow each other as they were asked for.
 */
export async function applyWrites(
  changes: FileChanges,
  target: Target,
  plans: readonly PlannedWrite[],
): Promise<Item[]> {
  const apply = async ({ path, bytes, expected, refusal }: PlannedWrite): Promise<Item> => {
    if (refusal) return refusal
    try {
      return { ok: true, path, ...(await changes.write(target, path, bytes, expected)) }
    } catch (error) {
      return failedItem({ path }, error, 'write_failed')
    }
  }
  const atOnce = areApart(plans.map(({ absolute }) => absolute)) ? slicesOf(plans) : plans.map(plan => [plan])
  const items: Item[] = []
  for (const slice of atOnce) items.push(...(await Promise.all(slice.map(apply))))
  return items
}

/** Whether no path is another one or lies in it; names that differ in case only may be one file. */
function areApart(paths: readonly string[]): boolean {
  const places = paths.map(path => `${path.normalize('NFC').toLowerCase()}${sep}`).sort()
  return places.every((place, index) => !places[index + 1]?.startsWith(place))
}
