import { MAX_BATCH_ITEMS } from '../../api/files.ts'

/** Half of what a batch may hold: one of the server's limits, the other of our memory, as base64 and JSON come on top. */
const MAX_BYTES = 16_000_000

/** Splits into batches a server takes, in order. */
export function* batches<Item>(items: readonly Item[], sizeOf: (item: Item) => number): Generator<Item[]> {
  let batch: Item[] = []
  let bytes = 0
  for (const item of items) {
    const size = sizeOf(item)
    if (batch.length === MAX_BATCH_ITEMS || (batch.length > 0 && bytes + size > MAX_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
