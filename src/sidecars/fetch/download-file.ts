import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { systemCode } from '../../shared/errors.ts'
import { withFileLock } from '../../shared/file-lock.ts'
import { sha256OfFile } from '../../shared/hash-file.ts'
import { isNoPlainFile } from '../../shared/plain-file.ts'
import { allFailed, type FailedUrl } from './all-failed.ts'
import { type DiskUse, explainDiskFailure, isDiskFull, requireFreeSpace } from './disk.ts'
import { TRANSFER_LIMITS, type TransferLimits } from './limits.ts'
import { PartFile } from './part-file.ts'
import { persist } from './persist.ts'
import { ProgressMeter, type TransferProgress } from './progress.ts'
import { shownUrl } from './shown-url.ts'
import { type Expected, transfer } from './transfer.ts'
import { TransferFailure } from './transfer-failure.ts'

export type { TransferProgress }

export type DownloadRequest = {
  /** For people: `opencode-linux-x64@1.18.33`. */
  what: string
  /** Where it may be had, asked in this order. https, http of this machine, or file; user info becomes basic auth. */
  urls: readonly string[]
  /**
   * Where the file goes when it is complete and verified. Beside it stand, until then, `<path>.part` and
   * `<path>.part.json`, which outlive a killed process, and the lock `<path>.lock`.
   */
  path: string
  /** Of the transferred file, lower-case hex. Without one the caller checks what it gets out of the file. */
  sha256?: string | undefined
  /** Of the transferred file, in bytes. */
  size?: number | undefined
  maxBytes: number
  /** The next step when it cannot be had; names the flag that changes the source. */
  hint: string
  /** What its folder is for. Default: sidecars. */
  use?: DiskUse | undefined
}

export type DownloadOptions = {
  /** Proxy variables are read from here; those of certificates from the process. */
  env: Readonly<Record<string, string | undefined>>
  signal?: AbortSignal | undefined
  onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Called every three seconds while another process has the same file under way. */
  onWait?: (() => void) | undefined
  limits?: Partial<TransferLimits> | undefined
  /** Told of each attempt that fails and of each URL that is asked, for a log. Credentials are left out. */
  debug?: Debug | undefined
}

export type Debug = (message: string, facts?: Readonly<Record<string, unknown>>) => void

export type Downloaded = {
  /** Where it came from, without user info and query; `file:` and its own path when it was there already. */
  readonly url: string
  readonly sha256: string
  readonly bytes: number
}

/** An attempt that brought so much more than any before it is not counted: a line may break as often as it likes. */
const ADVANCE_BYTES = 1024 * 1024

/**
 * Fetches a file to `path`, verified and synced to disk; never more of it in memory than a few chunks. What may pass is
 * tried again, then the next URL is asked. A transfer that was cut, in this process or an earlier one, goes on where it
 * ended if the server can. Processes that want the same path fetch it once.
 *
 * @throws OpenworkError `sidecar_download_failed` or, when one of the URLs had another file, `sidecar_checksum_mismatch`,
 *   with what became of each URL; `disk_full`, `sidecar_dir_unusable`; the reason of an aborted `signal`. The part then
 *   stays for the next time, unless the disk is full
 */
export async function downloadFile(request: DownloadRequest, options: DownloadOptions): Promise<Downloaded> {
  const folder = dirname(request.path)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const { signal, onWait = () => {} } = options
    return await withFileLock(
      request.path,
      { onWait, signal },
      async signal => (await findPresent(request, signal)) ?? (await fetchFile(request, { ...options, signal })),
    )
  } catch (error) {
    options.signal?.throwIfAborted()
    throw explainDiskFailure(error, folder, request.use)
  }
}

/** The file that another process fetched while this one waited, or an earlier run. */
async function findPresent({ path, sha256 }: Expected, signal: AbortSignal): Promise<Downloaded | undefined> {
  if (sha256 === undefined) return undefined
  try {
    const { size } = await stat(path)
    if ((await sha256OfFile(path, signal)) !== sha256) return undefined
    return { url: pathToFileURL(path).href, sha256, bytes: size }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || isNoPlainFile(error)) return undefined
    throw error
  }
}

async function fetchFile(request: DownloadRequest, options: DownloadOptions): Promise<Downloaded> {
  const { env, signal, debug = () => {}, onProgress = () => {} } = options
  const limits = { ...TRANSFER_LIMITS, ...options.limits }
  const part = await PartFile.open(request.path, { sha256: request.sha256, signal })
  try {
    if (request.size !== undefined) {
      const bytes = request.size - part.bytes
      await requireFreeSpace(dirname(request.path), { what: request.what, bytes, use: request.use })
    }
    using meter = new ProgressMeter(onProgress)
    let mostBytes = part.bytes
    const hasAdvanced = (): boolean => {
      const advanced = part.bytes - mostBytes >= ADVANCE_BYTES
      mostBytes = Math.max(mostBytes, part.bytes)
      return advanced
    }
    const failed: FailedUrl[] = []
    for (const url of request.urls) {
      let attempts = 0
      const attempt = (number: number): Promise<void> => {
        attempts = number
        const host = URL.parse(url)?.host ?? ''
        meter.attempt({ bytes: part.bytes, totalBytes: request.size, attempt: number, host })
        debug(`asking for ${request.what}`, { url: shownUrl(url), attempt: number, bytes: part.bytes || undefined })
        return transfer(url, part, request, { env, limits, signal, onBytes: state => meter.update(state) })
      }
      try {
        await persist(attempt, {
          limits,
          signal,
          hasAdvanced,
          onFailure: problem => debug('that failed', { url: shownUrl(url), problem }),
        })
        const { digest: sha256, bytes } = part
        await part.finish()
        return { url: shownUrl(url), sha256, bytes }
      } catch (failure) {
        if (!(failure instanceof TransferFailure)) throw failure
        failed.push({ url, attempts, failure })
      }
    }
    throw allFailed(request, failed)
  } catch (error) {
    if (isDiskFull(error)) await part.discard() // gives back what it took: others need the disk as well
    throw error
  } finally {
    if (part.bytes === 0) await part.discard()
    else await part.close()
  }
}
