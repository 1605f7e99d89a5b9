import { chmod, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { downloadPath, ownExecutablePath } from '../cache/cache-layout.ts'
import { installOnce } from '../cache/install-once.ts'
import { linkExecutable } from '../download/link-executable.ts'
import { type OnProgress, timedProgress } from '../download/progress.ts'
import { downloadReporting } from '../download/sources/download-reporting.ts'
import type { TransferLimits } from '../fetch/limits.ts'
import type { SidecarFile } from '../release/manifest.ts'
import { listedFile, otherVersion, readManifest, urlsOf } from '../release/read-manifest.ts'
import { type Platform, platformName, type ReleasePlace } from '../release/release.ts'
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
}

export type OwnExecutable = {
  /** A link to the executable under the program's name. */
  readonly path: string
  readonly version: string
}

/** Larger than any Bun executable has been. */
const MAX_BYTES = 512 * 1024 * 1024
const HINT =
  'Check --sidecar-base-url and --sidecar-manifest, or leave out --sidecar-source downloaded: openwork has its programs built in.'

/**
 * Our own executable from the release files, verified against their manifest and kept in the cache. The manifest is what
 * is trusted here, so it is read anew each time, and never over plain http but from this machine.
 *
 * @throws OpenworkError `sidecar_manifest_invalid`, `sidecar_download_failed`, `sidecar_checksum_mismatch`,
 *   `sidecar_version_mismatch`, `sidecar_not_executable`, `disk_full`, `sidecar_dir_unusable`; the reason of an aborted
 *   `signal`
 */
export async function ensureOwnExecutable(request: OwnExecutableRequest): Promise<OwnExecutable> {
  const { program, platform, release, sidecarDir, env, signal, limits, onProgress = () => {} } = request
  const manifest = await readManifest(release, { env, signal, limits: limits?.transfer })
  const target = platformName(platform)
  const { version, file } = listedFile(manifest, release, { names: [program, 'openwork'], target })
  // It becomes a folder's name.
  if (!/^\d+\.\d+\.\d+[\w.+-]*$/.test(version)) throw otherVersion(release, program, version, 'one like 1.2.3')
  const what = `openwork-${target}@${version}`
  const executable = ownExecutablePath(sidecarDir, version, platform)
  const suffix = platform.os === 'windows' ? '.exe' : ''
  const path = join(dirname(executable), `${program}${suffix}`)
  const verifier = new Verifier(sidecarDir)
  if (await isGood(path, file, verifier, signal)) return { path, version }
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
      const source = { env, signal: locked, onProgress, limits: limits?.transfer }
      await fetchInto(binary, { what, release, sidecarDir, file }, source)
      if (request.runsHere) await tryOut(binary, { what, version, folder }, { ...request, signal: locked, onProgress })
      return binary
    },
  })
  // Links last: another name changes the file's times, and it would have to be hashed once more.
  for (const name of OWN_PROGRAMS) await linkExecutable(executable, `${name}${suffix}`)
  if (await isGood(path, file, verifier, signal)) return { path, version }
  throw new OpenworkError('sidecar_checksum_mismatch', `${path} changed while it was put in place`, { hint: HINT })
}

/** Whether the file has the listed content. Read only when it changed since the last look. */
async function isGood(
  path: string,
  { sha256, size }: SidecarFile,
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
): Promise<void> {
  const { sha256, size, archive } = file
  if (archive !== undefined)
    throw new OpenworkError('sidecar_manifest_invalid', `The manifest lists ${what} in an archive, not as a program`, {
      hint: HINT,
    })
  const path = downloadPath(sidecarDir, what.replace('@', '-'))
  const urls = urlsOf(file, release)
  await downloadReporting({ what, urls, path, sha256, size, maxBytes: size ?? MAX_BYTES, hint: HINT }, options)
  await rename(path, binary)
  await chmod(binary, 0o755)
}

/** That it runs here and is what the manifest calls it: found out now, not when the service starts. */
async function tryOut(
  binary: string,
  { what, version, folder }: { what: string; version: string; folder: string },
  { env, signal, limits, onProgress }: OwnExecutableRequest & { onProgress: OnProgress },
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
      hint: HINT,
    })
  throw new OpenworkError('sidecar_not_executable', `${what} was downloaded and verified, but ${probe.problem}`, {
    hint: HINT,
  })
}
