import { OpenworkError } from '../../shared/errors.ts'
import { findBundled } from '../find/find-bundled.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import { findMachine, planTarget, type Target } from '../pins/target.ts'
import type { Verifier } from '../verify/verify.ts'
import { targetOfPackage, wantedBuild } from './cache-archive.ts'
import { cachedPath, type WantedOpencode } from './cache-layout.ts'

/** A build that is there and was verified. */
export type FoundBuild = {
  readonly wanted: WantedOpencode
  readonly path: string
  readonly source: 'bundled' | 'downloaded'
}

type Places = {
  pins: OpencodePins
  sidecarDir: string
  /** The running program: see `OpencodeRequest`. */
  executablePath: string
  verifier: Verifier
  /** An application that embeds us says in it where more bundled folders are. */
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal | undefined
}

/**
 * The builds that run on this machine, the best first.
 *
 * @throws OpenworkError `invalid_value` for an `OPENWORK_OPENCODE_ASSET` that is none, `platform_not_supported`
 */
export async function buildsForMachine(
  pins: OpencodePins,
  env: Readonly<Record<string, string | undefined>>,
): Promise<WantedOpencode[]> {
  const { packages } = planTarget(await findMachine(), pins, env)
  return packages.flatMap(name => wantedBuild(pins, name) ?? [])
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

/** The first of these builds that came with this openwork or, if none did, is in the cache: what a start would take. */
export async function findBuild(builds: readonly WantedOpencode[], places: Places): Promise<FoundBuild | undefined> {
  const { pins, executablePath, verifier, env, signal } = places
  for (const wanted of builds) {
    const target: Target = { name: targetOfPackage(wanted.name), packages: [wanted.name] }
    const { path } = await findBundled(executablePath, { target, pins, verifier, env, signal })
    if (path !== undefined) return { wanted, path, source: 'bundled' }
  }
  for (const wanted of builds) {
    const found = await findCached(wanted, places)
    if (found) return found
  }
  return undefined
}

export async function findCached(
  wanted: WantedOpencode,
  { sidecarDir, verifier, signal }: Pick<Places, 'sidecarDir' | 'verifier' | 'signal'>,
): Promise<FoundBuild | undefined> {
  const path = cachedPath(sidecarDir, wanted)
  const { kind } = await verifier.verify(path, [wanted.pin], signal)
  return kind === 'good' ? { wanted, path, source: 'downloaded' } : undefined
}
