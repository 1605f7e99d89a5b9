import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type DownloadRequest, downloadFile } from '../../fetch/download-file.ts'
import { requireOwnFolders } from '../../verify/own-folders.ts'
import { timedProgress } from '../progress.ts'
import type { SourceOptions } from './source.ts'

/**
 * `downloadFile` into a folder of the sidecar folder, telling of its progress. Resolves to the URL that had the file.
 *
 * @throws what `downloadFile` throws; OpenworkError `sidecar_dir_unusable` for a folder that others could change
 */
export async function downloadReporting(
  request: DownloadRequest,
  {
    sidecarDir,
    env,
    signal,
    onProgress,
    limits,
    debug,
  }: Pick<SourceOptions, 'sidecarDir' | 'env' | 'signal' | 'onProgress' | 'limits' | 'debug'>,
): Promise<string> {
  await mkdir(dirname(request.path), { recursive: true, mode: 0o700 }) // first: in a sticky folder others could make it
  await requireOwnFolders(sidecarDir, request.path)
  const report = timedProgress(request.what, 'downloading', onProgress)
  report()
  const { url } = await downloadFile(request, {
    env,
    signal,
    limits,
    debug,
    onWait: timedProgress(request.what, 'waiting', onProgress),
    onProgress: ({ bytes, totalBytes, bytesPerSecond, host }) =>
      report({ bytes, totalBytes, bytesPerSecond, from: host }),
  })
  return url
}
