import { OpenworkError } from '../../shared/errors.ts'
import { findBundled } from '../find/find-bundled.ts'
import { buildsFor, type FoundBuild, findCached } from '../find/opencode-builds.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import { findMachine, planTarget } from '../pins/target.ts'
import type { Verifier } from '../verify/verify.ts'
import { targetOfPackage, wantedBuild } from './cache-archive.ts'
import type { WantedOpencode } from './cache-layout.ts'

type Places = {
  pins: OpencodePins
  sidecarDir: string
  /** The running program: see `OpencodeRequest`. */
  executablePath: string
  verifier: Verifier
  /** `OPENWORK_OPENCODE_ASSET`, and where an application that embeds us has more bundled folders. */
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal | undefined
}

/** Whether a build can be run here: foreign ones are verified like all others, but cannot be tried out. */
export async function runnableHere(pins: OpencodePins): Promise<readonly string[]> {
  try {
    return planTarget(await findMachine(), pins, {}).packages
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'platform_not_supported') return []
    throw error
  }
}

/**
 * The pinned builds of these names: `linux-x64`, `opencode-linux-x64`, or `all`. Each once, in the order of the pins.
 *
 * @throws OpenworkError `invalid_value`
 */
export function buildsNamed(pins: OpencodePins, names: readonly string[]): WantedOpencode[] {
  const known = Object.keys(pins.packages)
  const chosen = new Set(names.flatMap(name => (name === 'all' ? known : `opencode-${targetOfPackage(name)}`)))
  const unknown = [...chosen].filter(name => !known.includes(name))
  if (unknown.length > 0 || chosen.size === 0)
    throw new OpenworkError(
      'invalid_value',
      chosen.size === 0
        ? 'No target is named'
        : `This openwork knows no opencode ${pins.version} for ${unknown.map(targetOfPackage).join(', ')}`,
      { hint: `Use all, or one of: ${known.map(targetOfPackage).join(', ')}.` },
    )
  return known.filter(name => chosen.has(name)).flatMap(name => wantedBuild(pins, name) ?? [])
}

export type NearBuild = FoundBuild & { readonly source: 'bundled' | 'downloaded' }

/**
 * What a start on this machine would run without a download, looked for where and in the order that it does: what came
 * with this openwork, then the cache.
 * What it would else fetch is the first of `builds`.
 *
 * @throws OpenworkError `invalid_value` for an `OPENWORK_OPENCODE_ASSET` that is none, `platform_not_supported`
 */
export async function findForMachine(
  places: Places,
): Promise<{ found: NearBuild | undefined; builds: readonly WantedOpencode[] }> {
  const { pins, executablePath, verifier, env, signal } = places
  const target = planTarget(await findMachine(), pins, env)
  const builds = buildsFor(target, pins)
  const { path } = await findBundled(executablePath, { target, pins, verifier, env, signal })
  if (path !== undefined)
    for (const wanted of builds)
      if ((await verifier.verify(path, [wanted.pin], signal)).kind === 'good')
        return { found: { wanted, path, source: 'bundled' }, builds }
  const { found } = await findCached(builds, places)
  return { found: found && { ...found, source: 'downloaded' }, builds }
}

/** A build that came with this openwork, or else is in the cache, whether it runs here or not. */
export async function findNamed(wanted: WantedOpencode, places: Places): Promise<NearBuild | undefined> {
  const { pins, executablePath, verifier, env, signal } = places
  const target = { name: targetOfPackage(wanted.name), packages: [wanted.name] }
  const { path } = await findBundled(executablePath, { target, pins, verifier, env, signal })
  if (path !== undefined) return { wanted, path, source: 'bundled' }
  const { found } = await findCached([wanted], places)
  return found && { ...found, source: 'downloaded' }
}
