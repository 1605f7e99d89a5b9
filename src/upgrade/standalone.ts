import { chmod, link, rm } from 'node:fs/promises'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { downloadFile } from '../sidecars/fetch/download-file.ts'
import { shownUrl } from '../sidecars/fetch/shown-url.ts'
import { TransferFailure } from '../sidecars/fetch/transfer-failure.ts'
import { findMachine } from '../sidecars/pins/target.ts'
import { listedFile, readManifest, urlsOf } from '../sidecars/release/read-manifest.ts'
import { executableAsset, platformName, type ReleasePlace, releasePlace } from '../sidecars/release/release.ts'
import { executableFiles } from './executable-files.ts'
import { findVersion } from './other-openwork.ts'
import { replaceExecutable, settle } from './replace-executable.ts'
import { expectVersion, tryOpenwork } from './trial.ts'
import { requireWritable, type UpgradeOptions } from './upgrade-options.ts'
import { parseVersion } from './version-order.ts'

/** Five times what openwork takes. */
const MAX_BYTES = 512 * 1024 ** 2
/** GitHub leads this to the files of the newest release. */
const NEWEST = 'https://github.com/different-ai/openwork/releases/latest/download'
/** Somebody waits for the answer, and can ask again. */
const ASKING = { attempts: 3, headersMs: 10_000 }
const UPGRADE = { holds: 'an upgrade', elsewhere: 'move openwork to a folder on another disk' }
const HINT = 'Name a mirror with --sidecar-base-url (OPENWORK_SIDECAR_BASE_URL), or a version with --to.'

/** An executable of a release for this machine. */
export type Release = {
  version: string
  /** Of opencode, where the manifest says so. */
  opencode: string | undefined
  asset: string
  urls: readonly string[]
  sha256: string
  size: number | undefined
}

/**
 * The release of this version, the newest without one: by the manifest at the place the user named, else by openwork's own.
 *
 * @param newest base URL of the newest release, when nothing was named
 * @throws OpenworkError `upgrade_failed` when that place has another one; what reading a manifest throws
 */
export async function findRelease(
  wanted: string | undefined,
  options: UpgradeOptions,
  newest = NEWEST,
): Promise<Release> {
  const place = options.place ?? ownPlace(wanted, newest)
  const machine = await findMachine()
  if (machine === undefined)
    throw new OpenworkError('platform_not_supported', `openwork is not made for ${process.platform}-${process.arch}`)
  const { host } = new URL(place.manifestUrl)
  const what = wanted === undefined ? 'the newest release' : `openwork ${wanted}`
  options.onStep(`Asking ${host || shownUrl(place.manifestUrl)} for ${what}`)
  const { env, signal } = options
  const manifest = await readManifest(place, { env, signal, limits: ASKING }).catch((error: unknown) => {
    throw options.place === undefined ? explained(error, wanted) : error
  })
  const target = platformName(machine)
  const listed = listedFile(manifest, place, { names: ['openwork', 'openwork-server'], target })
  const version = parseVersion(listed.version, 'The version in the manifest')
  if (wanted !== undefined && wanted !== version)
    throw new OpenworkError('upgrade_failed', `Asked for was openwork ${wanted}; the manifest lists ${version}`, {
      hint: 'Leave --sidecar-base-url and --sidecar-manifest out, or name the place of that version.',
    })
  if (listed.file.archive !== undefined)
    throw new OpenworkError('upgrade_failed', `The manifest lists openwork ${version} as ${listed.file.archive}`, {
      hint: 'Releases of openwork have plain executables. Choose another version or mirror.',
    })
  const { sha256, size } = listed.file
  const opencode = manifest.entries.opencode?.version
  return { version, opencode, asset: executableAsset(machine), urls: urlsOf(listed.file, place), sha256, size }
}

/** Nobody named it, so that nobody is told to check what they named. */
const ownPlace = (wanted: string | undefined, newest: string): ReleasePlace =>
  wanted === undefined ? { ...releasePlace('', { baseUrl: newest }), named: [] } : releasePlace(wanted)

/** Releases of other things are made in the same repository: the newest one may be none of openwork's. */
function explained(error: unknown, wanted: string | undefined): unknown {
  if (!(error instanceof OpenworkError) || !isNotFound(error)) return error
  const { code, message, details } = error
  const [what, next] =
    wanted === undefined
      ? ['The newest release is none of openwork', 'name a version with --to <version>']
      : [`There is no release of openwork ${wanted}`, 'name another version']
  return new OpenworkError(code, `${what}: ${message}`, {
    hint: `See https://github.com/different-ai/openwork/releases and ${next}, or a mirror with --sidecar-base-url <url>.`,
    details,
    cause: error,
  })
}

const isNotFound = ({ cause }: OpenworkError): boolean => cause instanceof TransferFailure && cause.facts.status === 404

/**
 * Fetches a release beside the executable at `path`, tries it, and only then puts it in its place.
 *
 * @throws OpenworkError `upgrade_not_possible`, `upgrade_failed`, what a download throws; the reason of an aborted
 *   `signal`. What is at `path` is as before in all cases
 */
export async function installRelease(
  path: string,
  release: Release,
  options: UpgradeOptions,
): Promise<{ opencode: string | undefined }> {
  const { version, sha256, size } = release
  const { env, signal, onStep, onProgress } = options
  await requireWritable(path, `openwork upgrade --to ${version}`)
  const { next } = executableFiles(path)
  onStep(`Downloading openwork ${version}`)
  const what = `${release.asset}@${version}`
  await downloadFile(
    { what, urls: release.urls, path: next, sha256, size, maxBytes: size ?? MAX_BYTES, hint: HINT, use: UPGRADE },
    { env, signal, onProgress },
  )
  try {
    await chmod(next, 0o755)
    const { opencode } = await tryOpenwork(next, { ...options, version })
    signal.throwIfAborted()
    await replaceExecutable(path, () => expectVersion(path, version, { env }))
    return { opencode }
  } finally {
    await rm(next, { force: true }) // there still when the trial failed
  }
}

/**
 * Puts back what was at `path` before the last upgrade, and keeps what is there now: another rollback is the way back.
 *
 * @throws OpenworkError `upgrade_not_possible` when there is nothing to go back to, `upgrade_failed`
 */
export async function rollBackExecutable(path: string, { env }: Pick<UpgradeOptions, 'env'>): Promise<string> {
  const { previous, next } = executableFiles(path)
  await settle(path)
  const version = await findVersion(previous, { env })
  if (version === undefined)
    throw new OpenworkError(
      'upgrade_not_possible',
      `There is no openwork of before: ${previous} is missing or does not run`,
      {
        hint: 'Choose a version with `openwork upgrade --to <version>`.',
      },
    )
  await requireWritable(path, 'openwork upgrade --rollback')
  try {
    await rm(next, { force: true })
    await link(previous, next)
    await replaceExecutable(path, () => expectVersion(path, version, { env }))
    return version
  } catch (error) {
    if (error instanceof OpenworkError || systemCode(error) === undefined) throw error
    throw new OpenworkError('upgrade_failed', `${previous} could not be put back: ${String(error)}`, { cause: error })
  } finally {
    await rm(next, { force: true })
  }
}
