import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type FailureCode, OpenworkError, systemCode } from '../../shared/errors.ts'
import { cachedPath, downloadsFolder, type WantedOpencode } from '../cache/cache-layout.ts'
import { installOnce } from '../cache/install-once.ts'
import type { ReleasePlace } from '../release/release.ts'
import { tryOpencode } from '../verify/try-opencode.ts'
import type { Verifier } from '../verify/verify.ts'
import { timedProgress } from './progress.ts'
import { fromManifest } from './sources/from-manifest.ts'
import { fromNpm } from './sources/from-npm.ts'
import { fromReleases } from './sources/from-releases.ts'
import { type Source, type SourceOptions, titleOf } from './sources/source.ts'
import { unpackVerified } from './unpack-verified.ts'

export type DownloadOptions = Omit<SourceOptions, 'folder'> & {
  verifier: Verifier
  /** False for a build for another machine: it is not run then. */
  runsHere: boolean
  probeLimitMs: number | undefined
}

export type DownloadedOpencode = {
  readonly path: string
  /** Where it was had; undefined when another process fetched it. */
  readonly from: string | undefined
  readonly warnings: readonly string[]
}

/** Asked in this order until one delivers. */
const SOURCES: readonly Source[] = [fromManifest, fromReleases, fromNpm]

/** The binary and, beside it, its archive: a little more than a third of it. */
const SPACE_FACTOR = 1.5

/**
 * Fetches a build into the cache. Starts at the same time, in any number of processes, fetch it once. A file of another
 * content in its place is replaced. What had arrived when a start was killed is gone on with.
 *
 * @throws OpenworkError `sidecar_download_failed`, `sidecar_manifest_invalid`, `sidecar_archive_invalid`,
 *   `sidecar_checksum_mismatch`, `opencode_version_mismatch`, `opencode_not_executable`, `disk_full`,
 *   `sidecar_dir_unusable`; the reason of an aborted `signal`. In every case the cache holds what it held before
 */
export async function downloadOpencode(wanted: WantedOpencode, options: DownloadOptions): Promise<DownloadedOpencode> {
  const { sidecarDir, verifier, release, onProgress } = options
  const target = cachedPath(sidecarDir, wanted)
  let failures: readonly SourceFailure[] = []
  let from: string | undefined
  await installOnce({
    what: titleOf(wanted),
    sidecarDir,
    target,
    neededBytes: Math.ceil(wanted.pin.size * SPACE_FACTOR),
    onWait: timedProgress(titleOf(wanted), 'waiting', onProgress),
    signal: options.signal,
    isDone: async signal => (await verifier.verify(target, [wanted.pin], signal)).kind === 'good',
    make: async (folder, signal) => {
      const made = await makeVerified(wanted, folder, { ...options, signal })
      failures = made.failures
      from = made.origin
      await removeArchives(wanted, sidecarDir)
      return made.binary
    },
  })
  await verifier.remember(target, wanted.pin)
  // Our release not being there is nobody's fault and no news; a mirror that somebody named should work.
  const isNews = ({ source, error }: SourceFailure): boolean =>
    error.code === 'sidecar_checksum_mismatch' || (source === fromManifest.name && release.named.length > 0)
  const warnings = failures.filter(isNews).map(({ error }) => `${error.message}; it came from ${from} instead`)
  return { path: target, from, warnings }
}

type SourceFailure = { readonly source: string; readonly error: OpenworkError }

/** Asks the sources in turn; resolves to a binary below `temp` that has the pinned hash and runs. */
async function makeVerified(
  wanted: WantedOpencode,
  temp: string,
  options: DownloadOptions,
): Promise<{ binary: string; origin: string; failures: readonly SourceFailure[] }> {
  const { debug = () => {}, info = () => {} } = options
  const failures: SourceFailure[] = []
  for (const [index, source] of SOURCES.entries()) {
    const folder = join(temp, String(index))
    await mkdir(folder, { mode: 0o700 })
    if (source === fromNpm && failures.length > 0)
      info(`no release files with ${titleOf(wanted)} could be had, asking npm for it`)
    debug(`trying ${source.name}`, { what: titleOf(wanted) })
    try {
      const delivery = await source.deliver(wanted, { ...options, folder })
      try {
        const binary = await unpackVerified(delivery, wanted, { ...options, folder })
        if (options.runsHere) {
          timedProgress(titleOf(wanted), 'checking', options.onProgress)()
          const { env, signal, probeLimitMs } = options
          await tryOpencode(binary, wanted, { env, homeIn: temp, limitMs: probeLimitMs, signal })
        }
        debug(`${source.name} delivered`, { from: delivery.origin })
        return { binary, origin: delivery.origin, failures }
      } finally {
        await rm(delivery.path, { force: true }) // complete, and good for nothing more whatever was in it
      }
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!isSourceFailure(error)) throw error
      debug(`${source.name} did not deliver`, { problem: error.message })
      failures.push({ source: source.name, error })
      await rm(folder, { recursive: true, force: true }) // makes room for the next one
    }
  }
  throw allFailed(wanted, failures, options.release)
}

/** The gravest first: what a source served in the place of opencode says more than that another was not reached. */
const SOURCE_FAILURES: readonly FailureCode[] = [
  'sidecar_checksum_mismatch',
  'sidecar_archive_invalid',
  'sidecar_download_failed',
  'sidecar_manifest_invalid',
]

const isSourceFailure = (error: unknown): error is OpenworkError =>
  error instanceof OpenworkError && SOURCE_FAILURES.includes(error.code)

function allFailed(wanted: WantedOpencode, failures: readonly SourceFailure[], { named }: ReleasePlace): OpenworkError {
  const gravity = ({ error }: SourceFailure): number => SOURCE_FAILURES.indexOf(error.code)
  const least = Math.min(...failures.map(gravity))
  // Of equals the last one, which is npm: its hint knows a next step.
  const worst = failures.findLast(failure => gravity(failure) === least)?.error
  const parts = failures.map(({ source, error }) => ({ head: source, parts: error.account?.parts ?? [error.message] }))
  // Whoever named a mirror wants that one to work; others are told that there may be one.
  const mirrorFirst =
    named.length > 0 ? failures.find(({ source }) => source === fromManifest.name)?.error.hint : undefined
  const knowsMirror = named.length > 0 || worst?.hint?.includes(MIRROR_FLAG)
  const hints = [mirrorFirst, worst?.hint, knowsMirror ? undefined : `Or name a mirror with ${MIRROR_FLAG} <url>.`]
  return new OpenworkError(
    worst?.code ?? 'sidecar_download_failed',
    { head: `${titleOf(wanted)} could not be fetched`, parts },
    {
      hint: [...new Set(hints.filter(Boolean))].join(' '),
      details: {
        sources: failures.map(({ source, error: { code, message, details } }) => ({
          source,
          code,
          problem: message,
          ...details,
        })),
        ...worst?.details,
      },
    },
  )
}

const MIRROR_FLAG = '--sidecar-base-url'

/** Of this build, what broken transfers from other sources left: nobody will go on with them. */
async function removeArchives(wanted: WantedOpencode, sidecarDir: string): Promise<void> {
  const folder = downloadsFolder(sidecarDir)
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (systemCode(error) !== 'ENOENT') throw error
    return []
  })
  for (const name of names)
    if (name.startsWith(`${wanted.name}-${wanted.version}.`))
      await rm(join(folder, name), { recursive: true, force: true })
}
