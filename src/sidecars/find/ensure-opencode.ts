import { type Account, type FailureCode, OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { DownloadedOpencode } from '../download/download-opencode.ts'
import type { OnProgress } from '../download/progress.ts'
import type { Debug } from '../fetch/download-file.ts'
import type { TransferLimits } from '../fetch/limits.ts'
import { shownUrl } from '../fetch/shown-url.ts'
import { OPENCODE_PINS } from '../pins/opencode-pins.generated.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import { findMachine, type Machine, planTarget, type Target } from '../pins/target.ts'
import { type ReleasePlace, releasePlace } from '../release/release.ts'
import { Verifier } from '../verify/verify.ts'
import { findBundled, type Rejected } from './find-bundled.ts'
import { findExternal } from './find-external.ts'
import { buildsFor, findCached } from './opencode-builds.ts'
import { refuseContradictions, type SourceFlags, type SourceWish } from './sidecar-source.ts'

/** How the wishes for it are called. */
const OPENCODE_FLAGS: SourceFlags = { bin: '--opencode-bin', source: '--opencode-source' }

export type OpencodeRequest = SourceWish & {
  /**
   * The running program: `process.execPath` of the compiled executable, the entry script when run from source.
   * What lies beside it, and the development dependencies of the folders above it, count as bundled.
   */
  executablePath: string
  /** `--sidecar-dir`; made when something is put there. */
  sidecarDir: string
  /** The user's environment: PATH, npm's settings, `OPENWORK_OPENCODE_ASSET`. */
  env: Readonly<Record<string, string | undefined>>
  /** Against which a relative `explicitBin` counts. */
  cwd: string
  /** Where the files of our releases are; see `--sidecar-base-url`. Default: the release of this version. */
  release?: ReleasePlace
  /** The machine it is to run on, when that is not this one but a container's: nothing is run here then. */
  machine?: Machine
  onProgress?: OnProgress
  /** Stops a download or probe at once, with nothing left behind but what the next one goes on with or removes. */
  signal?: AbortSignal | undefined
  /** What may run. Default: what this build was made with. */
  pins?: OpencodePins
  /** Where opencode's own release archives are. Default: where its makers publish them. */
  opencodeReleases?: string
  limits?: { npmMs?: number; probeMs?: number; transfer?: Partial<TransferLimits> }
  /** Told what is looked for, where, and what came of it, for a log that says more. */
  debug?: Debug | undefined
  /** Told what somebody who waits should know. */
  info?: Debug | undefined
}

export type FoundOpencode = {
  /** Absolute. */
  readonly path: string
  readonly source: 'bundled' | 'downloaded' | 'external'
  readonly expectedVersion: string
  /** Undefined for an external one that would not say. */
  readonly actualVersion: string | undefined
  /** Where it was downloaded from just now. */
  readonly from?: string | undefined
  /** Sentences for the log. */
  readonly warnings: readonly string[]
}

/** One way to get opencode: finds it, or explains why not by throwing a coded error. */
type Way = { readonly name: string; readonly find: () => Promise<FoundOpencode> }

/**
 * Finds the opencode to run, fetching it when nothing nearer will do. `bundled` and `downloaded` ones are, byte for
 * byte, what this build was made with; an `external` one is the user's business.
 *
 * @throws OpenworkError `external_not_allowed`, `flags_conflict`, `invalid_value`, `platform_not_supported`,
 *   `opencode_not_found`, `opencode_not_executable`, `opencode_version_mismatch`, `sidecar_checksum_mismatch`,
 *   `sidecar_manifest_invalid`, `sidecar_archive_invalid`, `sidecar_download_failed`, `sidecar_dir_unusable`, `disk_full`, saying what was tried in
 *   which order; the reason of an aborted `signal`
 */
export async function ensureOpencode(request: OpencodeRequest): Promise<FoundOpencode> {
  const { pins = OPENCODE_PINS, signal, debug = () => {} } = request
  refuseContradictions(request, request.flags ?? OPENCODE_FLAGS)
  const failures: { name: string; error: OpenworkError }[] = []
  const warnings: string[] = []
  const ways = await planWays(request, pins, warnings)
  const { baseUrl, manifestUrl } = request.release ?? releasePlace(VERSION)
  debug(`looking for opencode ${pins.version}`, {
    sources: ways.map(({ name }) => name),
    allowExternal: request.allowExternal,
    sidecarDir: request.sidecarDir,
    baseUrl: shownUrl(baseUrl),
    manifestUrl: shownUrl(manifestUrl),
  })
  for (const { name, find } of ways) {
    signal?.throwIfAborted()
    try {
      const found = await find()
      return { ...found, warnings: [...warnings, ...found.warnings] }
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof OpenworkError)) throw error
      debug(`no ${name} opencode`, { problem: error.message })
      failures.push({ name, error })
      // Matters when something else is found after all.
      if (name === 'downloaded') warnings.push(`${error.message}; one that is installed here is used instead`)
    }
  }
  throw summary(failures, pins.version)
}

async function planWays(request: OpencodeRequest, pins: OpencodePins, warnings: string[]): Promise<Way[]> {
  const { source, explicitBin, allowExternal, sidecarDir, env, cwd, signal, limits } = request
  const verifier = new Verifier(sidecarDir)
  const external: Way = {
    name: 'external',
    find: async () => {
      const expectedVersion = pins.version
      const found = await findExternal({
        explicitBin,
        flag: (request.flags ?? OPENCODE_FLAGS).bin,
        expectedVersion,
        env,
        cwd,
        sidecarDir,
        runsHere: request.machine === undefined,
        signal,
        probeLimitMs: limits?.probeMs,
      })
      return { ...found, source: 'external', expectedVersion }
    },
  }
  if (source === 'external' || explicitBin !== undefined) return [external]
  const mayDoWithout = source === 'auto' && allowExternal
  const target = await findTarget(request, pins, warnings, mayDoWithout)
  if (target === undefined) return [external]
  request.debug?.('builds for this machine', { target: target.name, packages: target.packages })
  const bundled: Way = {
    name: 'bundled',
    find: async () => {
      const options = { target, pins, verifier, env, signal }
      const { path, rejected, warnings: more } = await findBundled(request.executablePath, options)
      warnings.push(...more)
      if (path !== undefined) return verified(path, 'bundled', pins)
      warnings.push(
        ...rejected.filter(one => one.isOurs && one.problem).map(one => `${one.path} ${one.problem}: not used`),
      )
      throw notBundled(rejected, pins.version)
    },
  }
  const downloaded: Way = {
    name: 'downloaded',
    find: async () => {
      const { path, from, warnings: more } = await cachedOrFetched(target, { verifier, request, pins, warnings })
      return { ...verified(path, 'downloaded', pins), from, warnings: more }
    },
  }
  switch (source) {
    case 'bundled':
      return [bundled]
    case 'downloaded':
      return [downloaded]
    case 'auto':
      return allowExternal ? [bundled, downloaded, external] : [bundled, downloaded]
  }
}

/** Undefined, with a warning, on a machine that nothing pinned runs on, if that may be. */
async function findTarget(
  { machine, env }: OpencodeRequest,
  pins: OpencodePins,
  warnings: string[],
  mayDoWithout: boolean,
): Promise<Target | undefined> {
  try {
    return planTarget(machine ?? (await findMachine()), pins, env)
  } catch (error) {
    if (!mayDoWithout || !(error instanceof OpenworkError) || error.code !== 'platform_not_supported') throw error
    warnings.push(error.message)
    return undefined
  }
}

const verified = (path: string, source: 'bundled' | 'downloaded', { version }: OpencodePins): FoundOpencode => ({
  path,
  source,
  expectedVersion: version,
  actualVersion: version, // the hash says so: nothing is run to find out
  warnings: [],
})

/** The first build in the cache that is what it must be, else a download of the one made for this machine. */
async function cachedOrFetched(
  target: Target,
  {
    verifier,
    request,
    pins,
    warnings,
  }: { verifier: Verifier; request: OpencodeRequest; pins: OpencodePins; warnings: string[] },
): Promise<DownloadedOpencode> {
  const { sidecarDir, env, onProgress = () => {}, signal, limits, debug, info } = request
  const release = request.release ?? releasePlace(VERSION)
  const builds = buildsFor(target, pins)
  const { found, warnings: unfit } = await findCached(builds, { pins, sidecarDir, verifier, signal })
  warnings.push(...unfit)
  if (found) return { path: found.path, from: undefined, warnings: [] }
  const [best, ...others] = builds
  if (best === undefined) throw new Error(`target ${target.name} has no build`)
  // Not loaded by a start that finds opencode without it: locks, schemas and archives cost milliseconds.
  const [{ downloadOpencode }, { chooseListed }, { OPENCODE_RELEASES }] = await Promise.all([
    import('../download/download-opencode.ts'),
    import('../download/sources/from-manifest.ts'),
    import('../download/sources/from-releases.ts'),
  ])
  const wanted = await chooseListed([best, ...others], {
    release,
    env,
    signal,
    limits: limits?.transfer,
    onProgress,
    debug,
  })
  return await downloadOpencode(wanted, {
    sidecarDir,
    env,
    verifier,
    release,
    opencodeReleases: request.opencodeReleases ?? OPENCODE_RELEASES,
    runsHere: request.machine === undefined,
    onProgress,
    signal,
    npmLimitMs: limits?.npmMs,
    probeLimitMs: limits?.probeMs,
    limits: limits?.transfer,
    debug,
    info,
  })
}

function notBundled(rejected: readonly Rejected[], version: string): OpenworkError {
  const wrong = rejected.filter(one => one.problem !== undefined)
  if (wrong.length > 0)
    return new OpenworkError(
      'sidecar_checksum_mismatch',
      wrong.map(({ path, problem }) => `${path} ${problem}`).join('; '),
      { hint: `Put opencode ${version} there (in a checkout: npm ci), or use --opencode-source auto to fetch it.` },
    )
  const places = rejected.filter(one => one.isOurs).map(one => one.path)
  return new OpenworkError(
    'opencode_not_found',
    `there is no file ${places.join(' or ')}, and no development dependency above`,
    { hint: `Put opencode ${version} beside openwork, or use --opencode-source auto to fetch it.` },
  )
}

/** Of several failures the last that is more than an absence says best what to do. */
function summary(failures: readonly { name: string; error: OpenworkError }[], version: string): OpenworkError {
  const last = (failures.findLast(one => one.error.code !== 'opencode_not_found') ?? failures.at(-1))?.error
  const code: FailureCode = last?.code ?? 'opencode_not_found'
  const parts = failures.flatMap(({ name, error }): (string | Account)[] => {
    // Which files are not there is of interest when no other way was open.
    if (name === 'bundled' && error.code === 'opencode_not_found' && failures.length > 1) return ['bundled: none']
    if (error.account === undefined) return [`${name}: ${error.message}`]
    return [...error.account.parts]
  })
  const wasFetched = failures.at(-1)?.name === 'downloaded'
  const head = wasFetched ? `opencode ${version} could not be fetched` : `No opencode ${version} to run`
  return new OpenworkError(
    code,
    { head, parts },
    {
      ...(last?.hint === undefined ? {} : { hint: last.hint }),
      details: {
        expectedVersion: version,
        tried: failures.map(({ name, error }) => ({ source: name, code: error.code, problem: error.message })),
        ...last?.details,
      },
      cause: last,
    },
  )
}
