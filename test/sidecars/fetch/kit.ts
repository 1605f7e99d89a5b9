import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DownloadOptions, type DownloadRequest, downloadFile } from '../../../src/sidecars/fetch/download-file.ts'
import type { TransferLimits } from '../../../src/sidecars/fetch/limits.ts'
import { sha256 } from '../kit.ts'

/** Three megabytes, no two kilobytes of them alike. */
export const CONTENT = new Uint8Array(
  Uint32Array.from({ length: 786_432 }, (_, at) => Math.imul(at, 2_654_435_761)).buffer,
)
export const SHA256 = sha256(CONTENT)

/** Retries without pauses worth mentioning. */
export const QUICK: Partial<TransferLimits> = { attempts: 3, backoffMs: [1, 2] }

/** A folder to download to, and a request for a file of `CONTENT` that knows all about it. */
export async function downloadBox() {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'openwork-fetch-')))
  const path = join(folder, 'cache', 'file')
  const request = { what: 'the file', path, sha256: SHA256, size: CONTENT.length, maxBytes: 2 ** 24, hint: 'Try --x.' }
  return {
    folder,
    path,
    request,
    download: (urls: readonly string[], changes: Partial<DownloadRequest & DownloadOptions> = {}) => {
      const { env = {}, signal, onProgress, onWait, limits, ...rest } = changes
      const options = { env, signal, onProgress, onWait, limits: { ...QUICK, ...limits } }
      return downloadFile({ ...request, urls, ...rest }, options)
    },
    content: async (): Promise<Uint8Array> => new Uint8Array(await readFile(path)),
    /** What has arrived of a file that is not complete. */
    part: async (): Promise<Uint8Array> => new Uint8Array(await readFile(`${path}.part`)),
    /** Names in the folder of the file. */
    files: async (): Promise<string[]> => (existsSync(join(folder, 'cache')) ? readdir(join(folder, 'cache')) : []),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
