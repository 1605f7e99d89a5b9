import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DownloadOptions, type DownloadRequest, downloadFile } from './download-file.ts'

export type TextRequest = Pick<DownloadRequest, 'what' | 'maxBytes' | 'hint'>

/**
 * A small document by http, https or file, as UTF-8. The same network rules and failures as `downloadFile`.
 *
 * @throws OpenworkError `sidecar_download_failed`; the reason of an aborted `signal`
 */
export async function fetchText(
  url: string,
  { what, maxBytes, hint, ...options }: TextRequest & DownloadOptions,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-'))
  try {
    const path = join(folder, 'document')
    await downloadFile({ what, urls: [url], path, maxBytes, hint }, options)
    return await readFile(path, 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
