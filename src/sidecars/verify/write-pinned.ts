import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { OpenworkError } from '../../shared/errors.ts'
import type { WantedOpencode } from '../cache/cache-layout.ts'
import { titleOf } from '../download/sources/source.ts'

/** Where a build comes from, for messages, and the next step should it turn out to be something else. */
export type Origin = { readonly origin: string; readonly hint: string }

/**
 * Writes a build to a new file as `feed` hands out its bytes. It is not executable before its hash is right, and synced.
 *
 * @throws OpenworkError `sidecar_checksum_mismatch` with what was expected and what came; whatever `feed` throws
 */
export async function writePinned(
  path: string,
  wanted: WantedOpencode,
  { onBytes, ...origin }: Origin & { /** Told how many there are so far. */ onBytes?: (bytes: number) => void },
  feed: (write: (chunk: Uint8Array) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const { size, sha256 } = wanted.pin
  const hash = createHash('sha256')
  let bytes = 0
  await using file = await open(path, 'wx', 0o600)
  await feed(async chunk => {
    bytes += chunk.length
    if (bytes > size) throw mismatch(wanted, `more than ${size} bytes`, origin)
    hash.update(chunk)
    await file.writeFile(chunk)
    onBytes?.(bytes)
  })
  const actual = hash.digest('hex')
  if (bytes !== size || actual !== sha256) throw mismatch(wanted, `SHA-256 ${actual} (${bytes} bytes)`, origin)
  await file.sync()
  await file.chmod(0o755)
}

/** @param actual what came: a hash with a size, or a size that is wrong already */
export function mismatch(wanted: WantedOpencode, actual: string, { origin, hint }: Origin): OpenworkError {
  const expected = `SHA-256 ${wanted.pin.sha256} (${wanted.pin.size} bytes)`
  return new OpenworkError(
    'sidecar_checksum_mismatch',
    `${titleOf(wanted)} from ${origin} is not the opencode this openwork was made with: expected ${expected}, got ${actual}`,
    { hint, details: { origin, expected, actual } },
  )
}
