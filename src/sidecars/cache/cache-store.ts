import { join } from 'node:path'
import { titleOf } from '../download/sources/source.ts'
import { tryOpencode } from '../verify/try-opencode.ts'
import type { Verifier } from '../verify/verify.ts'
import { type Origin, writePinned } from '../verify/write-pinned.ts'
import { cachedPath, type WantedOpencode } from './cache-layout.ts'
import { installOnce } from './install-once.ts'

export type StoreOptions = {
  sidecarDir: string
  verifier: Verifier
  env: Readonly<Record<string, string | undefined>>
  /** Whether the build is one for this machine: then it is run once before it counts. */
  runsHere: boolean
  /** What the bytes come from, for messages: the name of an archive. */
  origin: string
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
  { sidecarDir, verifier, env, runsHere, origin, onWait, signal }: StoreOptions,
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
      await writePinned(binary, wanted, exportedFrom(origin), async write => {
        for await (const chunk of content) {
          signal.throwIfAborted()
          await write(chunk)
        }
      })
      if (runsHere) await tryOpencode(binary, wanted, { env, homeIn: folder, signal })
      outcome = 'stored'
      return binary
    },
  })
  await verifier.remember(target, wanted.pin)
  return outcome
}

/** For a build in an archive of `openwork cache export`, on its way in or out. */
export const exportedFrom = (origin: string): Origin => ({
  origin,
  hint: 'Export it again on a machine where `openwork cache verify` finds nothing wrong.',
})
