import { chmod, lstat, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { sha256OfFile } from '../../shared/hash-file.ts'
import { VERSION } from '../../shared/version.ts'
import { downloadPath, ownExecutablePath, VERSION_NAME } from '../cache/cache-layout.ts'
import { installOnce } from '../cache/install-once.ts'
import { linkExecutable } from '../download/link-executable.ts'
import { type OnProgress, timedProgress } from '../download/progress.ts'
import { downloadReporting } from '../download/sources/download-reporting.ts'
import type { Debug } from '../fetch/download-file.ts'
import type { TransferLimits } from '../fetch/limits.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { findListedEntry, keepListedEntry, type ListedEntry, readListedEntry } from '../release/listed-entry.ts'
import type { SidecarFile } from '../release/manifest.ts'
import { listedFile, otherVersion, readManifest, urlsOf } from '../release/read-manifest.ts'
import { mirrorHint, type Platform, platformName, type ReleasePlace } from '../release/release.ts'
import { whoElseMayWrite } from '../verify/own-folders.ts'
import { probeVersion } from '../verify/probe-version.ts'
import { Verifier } from '../verify/verify.ts'

/** The programs that our executable is when it is called by these names. */
export const OWN_PROGRAMS = ['openwork-server', 'opencode-router'] as const
export type OwnProgram = (typeof OWN_PROGRAMS)[number]

export type OwnExecutableRequest = {
  program: OwnProgram
  /** Where it is to run: this machine, or a container's. */
  platform: Platform
  /** Whether `platform` is this machine: then it is tried out once before it is kept. */
  runsHere: boolean
  release: ReleasePlace
  sidecarDir: string
  env: Readonly<Record<string, string | undefined>>
  onProgress?: OnProgress | undefined
  signal?: AbortSignal | undefined
  limits?: { probeMs?: number; transfer?: Partial<TransferLimits> } | undefined
  /** For a log that says more. */
  debug?: Debug | undefined
}

export type OwnExecutable = {
  /** A link to the executable under the program's name. */
  readonly path: string
  readonly version: string
  /** Sentences for the log. */
  readonly warnings: readonly string[]
}

/** Larger than any Bun executable has been. */
const MAX_BYTES = 512 * 1024 * 1024
/** A manifest that need not be reached, since the executable is there, is asked for so often. */
const KEPT_ATTEMPTS = 2

const hintFor = (release: ReleasePlace): string =>
  `${mirrorHint(release)} Or leave out --sidecar-source downloaded: openwork has its programs built in.`

/**
 * Our own executable from the release files, verified against their manifest and kept in the cache. The manifest is what
 * is trusted here, so it is read by every search, and never over plain http but from this machine. Where it cannot be
 * reached, the executable that it listed before is used with a warning, if that still has the hash listed then.
 *
 * @throws OpenworkError `sidecar_manifest_invalid`, `sidecar_download_failed`, `sidecar_checksum_mismatch`,
 *   `sidecar_version_mismatch`, `sidecar_not_executable`, `disk_full`, `sidecar_dir_unusable`; the reason of an aborted
 *   `signal`
 */
export async function ensureOwnExecutable(request: OwnExecutableRequest): Promise<OwnExecutable> {
  const { program, platform, release, sidecarDir, env, signal, limits, debug, onProgress = () => {} } = request
  const target = platformName(platform)
  const kept = await findListedEntry(sidecarDir, platform, release)
  let listed: { version: string; file: SidecarFile }
  try {
    const transfer = kept ? { attempts: KEPT_ATTEMPTS, ...limits?.transfer } : limits?.transfer
    const manifest = await readManifest(release, { env, signal, limits: transfer, debug })
    listed = listedFile(manifest, release, { names: [program, 'openwork'], target })
  } catch (error) {
    if (!(error instanceof OpenworkError) || error.code !== 'sidecar_download_failed' || kept === undefined) throw error
    return await findKept(kept, request, error)
  }
  const { version, file } = listed
  // It becomes a folder's name.
  if (!VERSION_NAME.test(version)) throw otherVersion(release, program, version, 'one like 1.2.3')
  const what = `openwork-${target}@${version}`
  const executable = ownExecutablePath(sidecarDir, version, platform)
  const suffix = suffixOf(platform)
  const path = join(dirname(executable), `${program}${suffix}`)
  const verifier = new Verifier(sidecarDir)
  const { manifestUrl } = release
  const found = { path, version, warnings: [] }
  if (await isGood(path, file, verifier, signal)) {
    const noted = await readListedEntry(executable)
    if (noted?.sha256 !== file.sha256 || noted.manifestUrl !== shownUrl(manifestUrl)) {
      const [url = manifestUrl] = urlsOf(file, release)
      await keepListedEntry(executable, await entryOf(path, { version, file, url, manifestUrl }))
    }
    return found
  }
  let url = manifestUrl
  await installOnce({
    what,
    sidecarDir,
    target: executable,
    neededBytes: file.size ?? 0,
    onWait: timedProgress(what, 'waiting', onProgress),
    signal,
    isDone: locked => isGood(executable, file, verifier, locked),
    make: async (folder, locked) => {
      const binary = join(folder, `openwork${suffix}`)
      const source = { sidecarDir, env, signal: locked, onProgress, limits: limits?.transfer, debug }
      url = await fetchInto(binary, { what, release, sidecarDir, file }, source)
      if (request.runsHere)
        await tryExecutable(binary, { what, version, folder }, { ...request, signal: locked, onProgress })
      return binary
    },
  })
  await linkPrograms(executable, suffix)
  await keepListedEntry(executable, await entryOf(executable, { version, file, url, manifestUrl }))
  if (await isGood(path, file, verifier, signal)) return found
  throw changed(path, release)
}

const changed = (path: string, release: ReleasePlace): OpenworkError =>
  new OpenworkError('sidecar_checksum_mismatch', `${path} changed while it was put in place`, {
    hint: hintFor(release),
  })

/** Links last: another name changes the file's times, and it would have to be hashed once more. */
async function linkPrograms(executable: string, suffix: string): Promise<void> {
  for (const name of OWN_PROGRAMS) await linkExecutable(executable, `${name}${suffix}`)
}

const suffixOf = ({ os }: Platform): string => (os === 'windows' ? '.exe' : '')

async function entryOf(
  path: string,
  {
    version,
    file,
    url,
    manifestUrl,
  }: { version: string; file: Pick<SidecarFile, 'sha256'>; url: string; manifestUrl: string },
): Promise<ListedEntry> {
  const { size } = await stat(path)
  return { version, sha256: file.sha256, size, url: shownUrl(url), manifestUrl: shownUrl(manifestUrl) }
}

/** What the manifest listed when it could be reached. */
async function findKept(
  { version, sha256, size }: ListedEntry,
  { program, platform, sidecarDir, signal }: OwnExecutableRequest,
  unreachable: OpenworkError,
): Promise<OwnExecutable> {
  const executable = ownExecutablePath(sidecarDir, version, platform)
  const suffix = suffixOf(platform)
  const path = join(dirname(executable), `${program}${suffix}`)
  const verifier = new Verifier(sidecarDir)
  if (!(await isGood(path, { sha256, size }, verifier, signal))) {
    if (!(await isGood(executable, { sha256, size }, verifier, signal))) throw unreachable
    await linkPrograms(executable, suffix)
    if (!(await isGood(path, { sha256, size }, verifier, signal))) throw unreachable
  }
  const age = Bun.semver.order(version, VERSION) > 0 ? ` and which is newer than this openwork ${VERSION}` : ''
  const warning = `${unreachable.message}; ${program} ${version}, which it listed before${age}, is used`
  return { path, version, warnings: [warning] }
}

/** Whether the file has the listed content. Read only when it changed since the last look. */
async function isGood(
  path: string,
  { sha256, size }: Pick<SidecarFile, 'sha256' | 'size'>,
  verifier: Verifier,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const actual = await stat(path).catch((error: unknown) => {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
    return undefined
  })
  if (actual === undefined) return false
  const verdict = await verifier.verify(path, [{ file: path, sha256, size: size ?? actual.size }], signal)
  return verdict.kind === 'good'
}

async function fetchInto(
  binary: string,
  { what, release, sidecarDir, file }: { what: string; release: ReleasePlace; sidecarDir: string; file: SidecarFile },
  options: Parameters<typeof downloadReporting>[1],
): Promise<string> {
  const hint = hintFor(release)
  const { sha256, size, archive } = file
  if (archive !== undefined)
    throw new OpenworkError('sidecar_manifest_invalid', `The manifest lists ${what} in an archive, not as a program`, {
      hint,
    })
  const path = downloadPath(sidecarDir, what.replace('@', '-'))
  const urls = urlsOf(file, release)
  const url = await downloadReporting({ what, urls, path, sha256, size, maxBytes: size ?? MAX_BYTES, hint }, options)
  await rename(path, binary)
  // What was verified had another name then. Here nobody else can take its place.
  const moved = await lstat(binary)
  const isOurs = moved.isFile() && moved.nlink === 1 && whoElseMayWrite(moved) === undefined
  if (!isOurs || (await sha256OfFile(binary, options.signal)) !== sha256) throw changed(path, release)
  await chmod(binary, 0o755)
  return url
}

/** That it runs here and is what the manifest calls it: found out now, not when the service starts. */
async function tryExecutable(
  binary: string,
  { what, version, folder }: { what: string; version: string; folder: string },
  { env, signal, limits, release, onProgress }: OwnExecutableRequest & { onProgress: OnProgress },
): Promise<void> {
  timedProgress(what, 'checking', onProgress)()
  const options = { env, homeIn: folder, limitMs: limits?.probeMs, signal }
  const probe = await probeVersion(binary, options).catch((error: unknown) => {
    if (!(error instanceof OpenworkError)) throw error
    return { problem: error.message, version: undefined }
  })
  if (probe.version === version) return
  if (probe.version !== undefined)
    throw new OpenworkError('sidecar_version_mismatch', `${what} says it is ${probe.version}, expected ${version}`, {
      hint: hintFor(release),
    })
  throw new OpenworkError('sidecar_not_executable', `${what} was downloaded and verified, but ${probe.problem}`, {
    hint: hintFor(release),
  })
}
