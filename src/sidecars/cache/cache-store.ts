import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { titleOf } from '../download/sources/source.ts'
import { tryOut } from '../verify/try-out.ts'
import type { Verifier } from '../verify/verify.ts'
import { cachedPath, type WantedOpencode } from './cache-layout.ts'
import { installOnce } from './install-once.ts'

export type StoreOptions = {
  sidecarDir: string
  verifier: Verifier
  env: Readonly<Record<string, string | undefined>>
  /** Whether the build is one for this machine: then it is run once before it counts. */
  runsHere: boolean
  /** Called while another process fetches or imports the same build. */
  onWait: () => void
  signal: AbortSignal | undefined
}

/**
 * Puts a build into the cache as its bytes come, under the rules of downloads: written beside, hashed on the way, tried
 * out, renamed. `content` is not read when the build is there already.
 *
 * @throws OpenworkError `sidecar_checksum_mismatch`, `opencode_version_mismatch`, `opencode_not_executable`, `disk_full`,
 *   `sidecar_dir_unusable`; what `content` throws; the reason of an aborted `signal`. In every case the cache holds what
 *   it held before
 */
export async function storeOpencode(
  wanted: WantedOpencode,
  content: AsyncIterable<Uint8Array>,
  { sidecarDir, verifier, env, runsHere, onWait, signal }: StoreOptions,
): Promise<'stored' | 'there'> {
  const target = cachedPath(sidecarDir, wanted)
  let outcome: 'stored' | 'there' = 'there'
  await installOnce({
    what: titleOf(wanted),
    sidecarDir,
    target,
    neededBytes: wanted.pin.size,
    onWait,
    signal,
    isDone: async signal => (await verifier.verify(target, [wanted.pin], signal)).kind === 'good',
    make: async (folder, signal) => {
      const binary = join(folder, wanted.pin.file)
      await writeVerified(wanted, content, binary, signal)
      if (runsHere) await tryOut(binary, wanted, { env, homeIn: folder, signal })
      outcome = 'stored'
      return binary
    },
  })
  await verifier.remember(target, wanted.pin)
  return outcome
}

/** Not executable before its hash is right. */
async function writeVerified(
  wanted: WantedOpencode,
  content: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { size, sha256 } = wanted.pin
  const hash = createHash('sha256')
  let bytes = 0
  await using file = await open(path, 'wx', 0o600)
  for await (const chunk of content) {
    signal.throwIfAborted()
    bytes += chunk.length
    if (bytes > size) throw mismatch(wanted, `more than ${size} bytes`)
    hash.update(chunk)
    await file.writeFile(chunk)
  }
  const actual = hash.digest('hex')
  if (bytes !== size || actual !== sha256) throw mismatch(wanted, `SHA-256 ${actual} (${bytes} bytes)`)
  await file.sync()
  await file.chmod(0o755)
}

/** For a build in an archive of `openwork cache export`, on its way in or out. */
export function mismatch(wanted: WantedOpencode, actual: string): OpenworkError {
  const expected = `SHA-256 ${wanted.pin.sha256} (${wanted.pin.size} bytes)`
  return new OpenworkError(
    'sidecar_checksum_mismatch',
    `${titleOf(wanted)} is not the opencode this openwork was made with: expected ${expected}, got ${actual}`,
    {
      hint: 'Export it again on a machine where `openwork cache verify` finds nothing wrong.',
      details: { expected, actual },
    },
  )
}
