import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import { fetchRoute } from '../../shared/loopback.ts'
import type { TransferLimits } from './limits.ts'

export type DownloadRequest = {
  /** For people: `opencode-linux-x64@1.18.33`. */
  what: string
  /** Where it may be had, asked in this order. http(s) or file; user info in one becomes basic auth and is never shown. */
  urls: readonly string[]
  /** Where the verified file goes. `<path>.part` and `<path>.part.json` beside it hold what has arrived. */
  path: string
  /** Of the transferred file, lower-case hex. Without one the caller checks what it gets out of the file. */
  sha256?: string | undefined
  size?: number | undefined
  maxBytes: number
  /** The next step when it cannot be had; names the flag that changes the source. */
  hint: string
}

/** Comes at least every three seconds and at most ten times a second while bytes are awaited. */
export type TransferProgress = {
  readonly bytes: number
  readonly totalBytes: number | undefined
  readonly bytesPerSecond: number
  /** Of this URL, from 1. */
  readonly attempt: number
  /** Name and port of the server; `file` for a local file. */
  readonly host: string
}

export type DownloadOptions = {
  /** Proxy and certificate variables are read from here. */
  env: Readonly<Record<string, string | undefined>>
  signal?: AbortSignal | undefined
  onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Called every three seconds while another process has the same file under way. */
  onWait?: (() => void) | undefined
  limits?: Partial<TransferLimits> | undefined
}

export type Downloaded = {
  /** Without user info and query. */
  readonly url: string
  readonly sha256: string
  readonly bytes: number
}

/**
 * Fetches a file to `path`.
 *
 * @throws OpenworkError `sidecar_download_failed`, `sidecar_checksum_mismatch`, `disk_full`, `sidecar_dir_unusable`; the
 *   reason of an aborted `signal`
 */
export async function downloadFile(request: DownloadRequest, options: DownloadOptions): Promise<Downloaded> {
  const problems: string[] = []
  const part = `${request.path}.part`
  await mkdir(dirname(request.path), { recursive: true, mode: 0o700 })
  for (const url of request.urls) {
    try {
      const response = await fetch(url, { ...fetchRoute(url), ...(options.signal && { signal: options.signal }) })
      if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)
      const hash = createHash('sha256')
      let bytes = 0
      {
        await using file = await open(part, 'w', 0o600)
        for await (const chunk of response.body) {
          bytes += chunk.length
          if (bytes > request.maxBytes) throw new Error(`more than ${request.maxBytes} bytes`)
          hash.update(chunk)
          await file.writeFile(chunk)
        }
        await file.sync()
      }
      const sha256 = hash.digest('hex')
      if (request.sha256 !== undefined && request.sha256 !== sha256)
        throw new OpenworkError('sidecar_checksum_mismatch', `${url}: expected ${request.sha256}, got ${sha256}`)
      await rename(part, request.path)
      return { url, sha256, bytes }
    } catch (error) {
      options.signal?.throwIfAborted()
      await rm(part, { force: true })
      problems.push(`${url}: ${messageOf(error)}`)
    }
  }
  throw new OpenworkError(
    'sidecar_download_failed',
    `${request.what} could not be downloaded: ${problems.join('; ')}`,
    { hint: request.hint },
  )
}
