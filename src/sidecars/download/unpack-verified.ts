import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { extractArchiveEntry } from '../archive/extract-entry.ts'
import type { WantedOpencode } from '../cache/cache-layout.ts'
import { writePinned } from '../verify/write-pinned.ts'
import { type OnProgress, timedProgress } from './progress.ts'
import { type Delivery, MAX_ARCHIVE_BYTES, titleOf } from './sources/source.ts'

const PROGRESS_EVERY_BYTES = 16 * 1024 * 1024

/**
 * Streams the binary out of what was delivered into `folder`, hashing on the way, and resolves to its path. It is not
 * executable before its hash is right.
 *
 * @throws OpenworkError `sidecar_archive_invalid`, `sidecar_checksum_mismatch` with what was expected and what came
 */
export async function unpackVerified(
  { path, packed, origin, hint }: Delivery,
  wanted: WantedOpencode,
  { folder, onProgress, signal }: { folder: string; onProgress: OnProgress; signal: AbortSignal | undefined },
): Promise<string> {
  const { size, file: name } = wanted.pin
  const binary = join(folder, name)
  const report = timedProgress(titleOf(wanted), 'unpacking', onProgress)
  let reported = 0
  const onBytes = (bytes: number): void => {
    if (bytes - reported < PROGRESS_EVERY_BYTES && bytes < size) return
    reported = bytes
    report({ bytes, totalBytes: size })
  }
  try {
    await writePinned(binary, wanted, { origin, hint, onBytes }, async write => {
      // Past the expected size `write` ends it with both sizes named; the archive reader's own limit would say less.
      if (packed) await extractArchiveEntry(path, { ...packed, maxBytes: MAX_ARCHIVE_BYTES, write, signal })
      else for await (const chunk of createReadStream(path, signal ? { signal } : {})) await write(chunk)
    })
  } catch (error) {
    if (!(error instanceof OpenworkError) || error.code !== 'sidecar_archive_invalid') throw error
    throw new OpenworkError(error.code, `${error.message} (${titleOf(wanted)} from ${origin})`, { hint, cause: error })
  }
  return binary
}
