import { allFailed } from './all-failed.ts'
import type { DownloadOptions, DownloadRequest } from './download-file.ts'
import { TRANSFER_LIMITS } from './limits.ts'
import { openUrl } from './open-url.ts'
import { persist } from './persist.ts'
import { shownUrl } from './shown-url.ts'
import { TransferFailure } from './transfer-failure.ts'

export type TextRequest = Pick<DownloadRequest, 'what' | 'maxBytes' | 'hint'> &
  Pick<DownloadOptions, 'env' | 'signal' | 'limits' | 'debug'>

/**
 * A small document by https, http of this machine, or file, as UTF-8: the network rules of `downloadFile`.
 *
 * @throws OpenworkError `sidecar_download_failed`; the reason of an aborted `signal`
 */
export async function fetchText(
  url: string,
  { what, maxBytes, hint, env, signal, debug = () => {}, ...rest }: TextRequest,
): Promise<string> {
  const limits = { ...TRANSFER_LIMITS, ...rest.limits }
  let attempts = 0
  const attempt = async (number: number): Promise<string> => {
    attempts = number
    debug(`asking for ${what.charAt(0).toLowerCase()}${what.slice(1)}`, { url: shownUrl(url), attempt: number })
    await using opened = await openUrl(url, { env, limits, signal })
    return await readText(opened.body, maxBytes) // before the connection is given up
  }
  try {
    return await persist(attempt, {
      limits,
      signal,
      onFailure: problem => debug('that failed', { url: shownUrl(url), problem }),
    })
  } catch (failure) {
    signal?.throwIfAborted()
    if (!(failure instanceof TransferFailure)) throw failure
    throw allFailed({ what, hint }, [{ url, attempts, failure }])
  }
}

async function readText(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new TransferFailure(`it is larger than the ${maxBytes} bytes allowed`, { retry: 'never' })
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new TransferFailure('it is not UTF-8 text', { retry: 'never' })
  }
}
