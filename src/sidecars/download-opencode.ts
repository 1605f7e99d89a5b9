import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { type FailureCode, messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { extractTarEntry } from './archive/tar-entry.ts'
import { cachedPath, TEMP_PREFIX, type WantedOpencode } from './cache-layout.ts'
import { withFileLock } from './file-lock.ts'
import { npmPack } from './npm-pack.ts'
import { probeVersion } from './probe-version.ts'
import type { Verifier } from './verify.ts'

/** What a download is doing. Comes at least every three seconds while it lasts. */
export type Progress = {
  readonly stage: 'waiting' | 'downloading' | 'unpacking' | 'checking'
  /** `opencode-linux-x64@1.18.33` */
  readonly what: string
  /** Since this stage began. */
  readonly elapsedMs: number
  readonly bytes?: number
  readonly totalBytes?: number
}

export type DownloadOptions = {
  sidecarDir: string
  env: Readonly<Record<string, string | undefined>>
  verifier: Verifier
  onProgress: (progress: Progress) => void
  signal: AbortSignal | undefined
  /** For the transfer from one source. */
  transferLimitMs: number | undefined
  probeLimitMs: number | undefined
}

type Archive = { path: string; entry: string }

/** A place that has opencode's archives. The hash of what comes out decides, so a source need not be trusted. */
type Source = (wanted: WantedOpencode, folder: string, options: DownloadOptions) => Promise<Archive>

const fromNpm: Source = async ({ name, version, pin }, folder, { env, transferLimitMs, signal }) => ({
  path: await npmPack({ name, version }, folder, { env, limitMs: transferLimitMs, signal }),
  entry: `package/bin/${pin.file}`,
})

/** Asked in this order until one delivers. */
const SOURCES: readonly Source[] = [fromNpm]

const PROGRESS_EVERY_MS = 3_000
const PROGRESS_EVERY_BYTES = 16 * 1024 * 1024
/** The binary and, beside it, its archive: a little more than a third of it. */
const SPACE_FACTOR = 1.5
/** Five times what opencode takes: past it, an archive is not worth reading to its end. */
const MAX_ARCHIVE_BYTES = 1024 ** 3

/**
 * Fetches a build into the cache and resolves to its path. Starts at the same time, in any number of processes, fetch it
 * once. A file of another content in its place is replaced. Whatever a killed start left behind is removed.
 *
 * @throws OpenworkError `sidecar_download_failed`, `sidecar_archive_invalid`, `sidecar_checksum_mismatch`,
 *   `opencode_version_mismatch`, `opencode_not_executable`, `disk_full`, `sidecar_dir_unusable`; the reason of an
 *   aborted `signal`. In every case the cache holds what it held before
 */
export async function downloadOpencode(wanted: WantedOpencode, options: DownloadOptions): Promise<string> {
  const target = cachedPath(options.sidecarDir, wanted)
  const folder = dirname(target)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const onWait = timedProgress(wanted, 'waiting', options.onProgress)
    return await withFileLock(folder, { onWait, signal: options.signal }, async signal => {
      const { kind } = await options.verifier.verify(target, [wanted.pin], signal)
      if (kind === 'good') return target // fetched by the start we waited for
      await removeLeftovers(folder)
      await requireSpace(folder, wanted)
      const temp = await mkdtemp(join(folder, TEMP_PREFIX))
      try {
        const binary = await fetchVerified(wanted, temp, { ...options, signal })
        await putInPlace(binary, target, temp)
      } finally {
        await rm(temp, { recursive: true, force: true, maxRetries: 3 })
      }
      await options.verifier.remember(target, wanted.pin)
      return target
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    throw explainDisk(error, options.sidecarDir)
  }
}

/** Asks the sources in turn; resolves to a binary in `temp` that has the pinned hash and runs. */
async function fetchVerified(wanted: WantedOpencode, temp: string, options: DownloadOptions): Promise<string> {
  const failures: OpenworkError[] = []
  for (const [index, source] of SOURCES.entries()) {
    const work = join(temp, String(index))
    await mkdir(work, { mode: 0o700 })
    try {
      const archive = await whileReporting(timedProgress(wanted, 'downloading', options.onProgress), () =>
        source(wanted, work, options),
      )
      const binary = await unpack(archive, wanted, work, options)
      await tryOut(binary, temp, wanted, options)
      return binary
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!isSourceFailure(error)) throw error
      failures.push(error)
      await rm(work, { recursive: true, force: true }) // makes room for the next one
    }
  }
  const [first] = failures
  if (failures.length === 1 && first) throw first
  const all = failures.map(failure => failure.message).join('; ')
  throw new OpenworkError(first?.code ?? 'sidecar_download_failed', all, first?.hint ? { hint: first.hint } : {})
}

const SOURCE_FAILURES: readonly FailureCode[] = [
  'sidecar_download_failed',
  'sidecar_archive_invalid',
  'sidecar_checksum_mismatch',
]

const isSourceFailure = (error: unknown): error is OpenworkError =>
  error instanceof OpenworkError && SOURCE_FAILURES.includes(error.code)

/** Streams the binary out of its archive, hashing on the way. Not executable before its hash is right. */
async function unpack(
  { path, entry }: Archive,
  wanted: WantedOpencode,
  folder: string,
  { onProgress, signal }: DownloadOptions,
): Promise<string> {
  const { size, sha256, file: name } = wanted.pin
  const binary = join(folder, name)
  const report = timedProgress(wanted, 'unpacking', onProgress)
  const hash = createHash('sha256')
  await using file = await open(binary, 'wx', 0o600)
  let bytes = 0
  let reported = 0
  const write = async (chunk: Uint8Array): Promise<void> => {
    bytes += chunk.length
    if (bytes > size) throw mismatch(wanted, `more than ${size} bytes`)
    hash.update(chunk)
    await file.writeFile(chunk)
    if (bytes - reported < PROGRESS_EVERY_BYTES && bytes < size) return
    reported = bytes
    report({ bytes, totalBytes: size })
  }
  const pipe = pipeline(
    createReadStream(path),
    createGunzip({ chunkSize: 256 * 1024 }),
    archive => extractTarEntry(archive, { entry, maxBytes: MAX_ARCHIVE_BYTES, write }),
    signal ? { signal } : {},
  )
  await pipe.catch(error => {
    if (!systemCode(error)?.startsWith('Z_')) throw error
    throw new OpenworkError('sidecar_archive_invalid', `The archive of ${title(wanted)} is damaged: ${error.message}`, {
      hint: 'Check the registry or mirror it came from, then start again.',
      cause: error,
    })
  })
  const actual = hash.digest('hex')
  if (bytes !== size || actual !== sha256) throw mismatch(wanted, `SHA-256 ${actual} (${bytes} bytes)`)
  await file.sync()
  await file.chmod(0o755)
  return binary
}

const mismatch = (wanted: WantedOpencode, actual: string): OpenworkError => {
  const expected = `SHA-256 ${wanted.pin.sha256} (${wanted.pin.size} bytes)`
  return new OpenworkError(
    'sidecar_checksum_mismatch',
    `${title(wanted)} as downloaded is not the opencode this openwork was made with: expected ${expected}, got ${actual}`,
    {
      hint: 'Check which registry or mirror npm uses: it serves other content under this name. Nothing of it was run.',
      details: { expected, actual },
    },
  )
}

const title = ({ name, version }: WantedOpencode): string => `${name}@${version}`

/** A build may be the right one and still not run here: found out now, not when the service starts. */
async function tryOut(
  binary: string,
  temp: string,
  wanted: WantedOpencode,
  { env, signal, onProgress, probeLimitMs }: DownloadOptions,
): Promise<void> {
  timedProgress(wanted, 'checking', onProgress)({})
  const { version, problem } = await probeVersion(binary, { env, homeIn: temp, limitMs: probeLimitMs, signal })
  if (version === wanted.version) return
  if (version)
    throw new OpenworkError(
      'opencode_version_mismatch',
      `${title(wanted)} says it is ${version}, expected ${wanted.version}`,
      {
        hint: 'This openwork was built with wrong pins: install another version of it.',
      },
    )
  throw new OpenworkError('opencode_not_executable', `${title(wanted)} was downloaded and verified, but ${problem}`, {
    hint: 'Another build may run here: set OPENWORK_OPENCODE_ASSET, for example to a -baseline one.',
  })
}

/** What is in the way is set aside first: a running program cannot be overwritten on Windows, but it can be moved. */
async function putInPlace(binary: string, target: string, temp: string): Promise<void> {
  try {
    await rename(target, join(temp, 'replaced'))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  await rename(binary, target)
  if (process.platform === 'win32') return // folders cannot be synced there
  await using folder = await open(dirname(target), 'r')
  await folder.sync()
}

/** Only the holder of the lock makes temporary folders, so those that are there belong to starts that were killed. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(TEMP_PREFIX)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 })
}

async function requireSpace(folder: string, wanted: WantedOpencode): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const needed = Math.ceil(wanted.pin.size * SPACE_FACTOR)
  if (bavail * bsize >= needed) return
  throw new OpenworkError(
    'disk_full',
    `${title(wanted)} needs ${megabytes(needed)} of space in ${folder}, ${megabytes(bavail * bsize)} are free`,
    { hint: 'Free some space, or put the sidecars on another disk with --sidecar-dir <path>.' },
  )
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`

function explainDisk(error: unknown, sidecarDir: string): unknown {
  const code = systemCode(error)
  const cause = messageOf(error)
  if (error instanceof OpenworkError || code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OpenworkError('disk_full', `The disk that holds ${sidecarDir} is full: ${cause}`, {
      hint: 'Free some space, or put the sidecars on another disk with --sidecar-dir <path>.',
      cause: error,
    })
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'ELOOP', 'ENAMETOOLONG'].includes(code))
    return new OpenworkError('sidecar_dir_unusable', `${sidecarDir} cannot hold sidecars: ${cause}`, {
      hint: 'Make it a folder that you may write, or choose another one with --sidecar-dir <path>.',
      cause: error,
    })
  return error
}

type Report = (bytes?: { bytes: number; totalBytes: number } | Record<string, never>) => void

function timedProgress(
  wanted: WantedOpencode,
  stage: Progress['stage'],
  onProgress: (progress: Progress) => void,
): Report {
  const startedMs = performance.now()
  return bytes =>
    onProgress({ stage, what: title(wanted), elapsedMs: Math.round(performance.now() - startedMs), ...bytes })
}

/** npm tells nothing while it works: say at least that it still does. */
async function whileReporting<Result>(report: Report, work: () => Promise<Result>): Promise<Result> {
  report()
  const timer = setInterval(report, PROGRESS_EVERY_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
