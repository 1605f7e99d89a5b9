import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DownloadOptions, type DownloadRequest, downloadFile } from '../../../src/sidecars/fetch/download-file.ts'
import type { TransferLimits } from '../../../src/sidecars/fetch/limits.ts'
import type { DownloadTask } from '../../fixtures/download-file.ts'
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

export const DOWNLOAD_PROGRAM = join(import.meta.dirname, '..', '..', 'fixtures', 'download-file.ts')

/** Variables about proxies and certificates that the machine has and the tests do not mean. */
const AMBIENT = /^(?:https?_proxy|all_proxy|no_proxy|node_extra_ca_certs|ssl_cert_(?:file|dir)|node_use_system_ca)$/i

/** `downloadFile` in another process, with these variables of that kind and no others. */
export function downloadElsewhere(
  task: DownloadTask,
  variables: Readonly<Record<string, string>> = {},
  program: readonly string[] = [process.execPath, DOWNLOAD_PROGRAM],
) {
  const plain = Object.entries(process.env).filter(([name]) => !AMBIENT.test(name))
  const child = Bun.spawn([...program, JSON.stringify(task)], {
    env: { ...Object.fromEntries(plain), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader()
  return {
    /** What it says next on its standard error. */
    says: async (): Promise<string | undefined> => (await lines.read()).value?.trim(),
    /** What came of it. */
    outcome: async (): Promise<Record<string, unknown>> => JSON.parse(await new Response(child.stdout).text()),
    kill: async (): Promise<void> => {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
