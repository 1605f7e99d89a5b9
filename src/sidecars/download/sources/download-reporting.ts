import { type DownloadRequest, downloadFile } from '../../fetch/download-file.ts'
import { timedProgress } from '../progress.ts'
import type { SourceOptions } from './source.ts'

/** `downloadFile`, telling of its progress. Resolves to the URL that had the file. */
export async function downloadReporting(
  request: DownloadRequest,
  { env, signal, onProgress, limits, debug }: Pick<SourceOptions, 'env' | 'signal' | 'onProgress' | 'limits' | 'debug'>,
): Promise<string> {
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
