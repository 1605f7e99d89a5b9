import { cachedPath, type WantedOpencode } from '../cache/cache-layout.ts'
import type { OpencodePins } from '../pins/opencode-pins.ts'
import type { Target } from '../pins/target.ts'
import type { Verifier } from '../verify/verify.ts'

/** A build that is there and was verified. */
export type FoundBuild = { readonly wanted: WantedOpencode; readonly path: string }

/** The pinned builds that run on a target, the best first. */
export const buildsFor = ({ packages }: Pick<Target, 'packages'>, pins: OpencodePins): WantedOpencode[] =>
  packages.flatMap(name => {
    const pin = Object.hasOwn(pins.packages, name) ? pins.packages[name] : undefined
    return pin ? [{ name, version: pins.version, pin }] : []
  })

/**
 * The first of these builds in the cache that is what it must be, and what was wrong with those before it. Builds that are
 * the same, byte for byte, need be there once, under any of their names.
 */
export async function findCached(
  builds: readonly WantedOpencode[],
  {
    pins,
    sidecarDir,
    verifier,
    signal,
  }: { pins: OpencodePins; sidecarDir: string; verifier: Verifier; signal: AbortSignal | undefined },
): Promise<{ found: FoundBuild | undefined; warnings: readonly string[] }> {
  const warnings: string[] = []
  for (const wanted of builds) {
    const path = cachedPath(sidecarDir, wanted)
    const verdict = await verifier.verify(path, [wanted.pin], signal)
    if (verdict.kind === 'good') return { found: { wanted, path }, warnings }
    if (verdict.kind === 'different') warnings.push(`${path} ${verdict.problem}: not used`)
    for (const twin of twinsOf(wanted, pins)) {
      const path = cachedPath(sidecarDir, twin)
      if ((await verifier.verify(path, [wanted.pin], signal)).kind === 'good')
        return { found: { wanted, path }, warnings }
    }
  }
  return { found: undefined, warnings }
}

/** Other builds with the same content. */
const twinsOf = ({ name, pin }: WantedOpencode, pins: OpencodePins): WantedOpencode[] =>
  buildsFor({ packages: Object.keys(pins.packages) }, pins).filter(
    other => other.name !== name && other.pin.sha256 === pin.sha256 && other.pin.file === pin.file,
  )
