import { byteCount } from '../../shared/byte-count.ts'
import { VERSION } from '../../shared/version.ts'
import type { NearBuild } from '../../sidecars/cache/cache-builds.ts'
import type { WantedOpencode } from '../../sidecars/cache/cache-layout.ts'
import { ByteProgress } from '../byte-progress.ts'
import { parseSidecarPlace, sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { fetchBuild } from './cache-fetch-build.ts'
import { cacheFlags, executablePath, MADE, targetFlag } from './cache-place.ts'

export const cacheFetch = defineCommand({
  path: 'cache fetch',
  summary: 'Get the opencode that this version needs, so that no start has to wait for it',
  description:
    'Downloads what is not there, verifies it, and prints its path and hash. The build that came with openwork is enough ' +
    'for this machine; builds named with --target are put into the cache in any case.',
  examples: [
    { command: 'openwork cache fetch', does: 'in an image or on a new machine' },
    { command: 'openwork cache fetch --target all', does: 'every build that this version knows, to export them' },
  ],
  flags: { ...cacheFlags, ...sidecarPlaceFlags, target: targetFlag },
  async run({ target, ...values }, context) {
    const { output, stderr, env } = context
    const place = parseSidecarPlace(values)
    const [{ buildsNamed, findForMachine }, { findCached }, { Verifier }] = await Promise.all([
      import('../../sidecars/cache/cache-builds.ts'),
      import('../../sidecars/find/opencode-builds.ts'),
      import('../../sidecars/verify/verify.ts'),
    ])
    const { pins } = MADE
    const verifier = new Verifier(place.dir)
    const named = target && buildsNamed(pins, target)
    const progress = new ByteProgress(stderr, text => output.note(text))
    const fetched = await interruptible('what had arrived is gone on with by the next fetch', async signal => {
      const places = { pins, sidecarDir: place.dir, executablePath: executablePath(), verifier, env, signal }
      const done: Fetched[] = []
      const fetch = async (builds: readonly WantedOpencode[]): Promise<Fetched> => {
        const { wanted, path } = await fetchBuild(builds, { place, verifier, context, progress, signal })
        return { wanted, path, source: 'downloaded', fetched: true }
      }
      for (const wanted of named ?? []) {
        const { found } = await findCached([wanted], places)
        done.push(found ? { ...found, source: 'downloaded', fetched: false } : await fetch([wanted]))
      }
      if (!named) {
        const { found, builds } = await findForMachine(places)
        done.push(found ? { ...found, fetched: false } : await fetch(builds))
      }
      return done
    }).finally(() => progress.end())
    const items = fetched.map(itemOf)
    // What a start on this machine would run; null when other builds were asked for.
    const opencode = target ? null : (items[0] ?? null)
    output.result({ ok: true, version: VERSION, opencode, items }, () => fetched.map(textOf).join('\n'))
  },
})

type Fetched = NearBuild & { fetched: boolean }

const itemOf = ({ wanted: { name, version, pin }, path, source, fetched }: Fetched) => ({
  name: 'opencode',
  version,
  target: name.replace(/^opencode-/, ''),
  path,
  source,
  fetched,
  sha256: pin.sha256,
  bytes: pin.size,
})

function textOf({ wanted: { name, version, pin }, path, source, fetched }: Fetched): string {
  const how = fetched ? 'fetched' : source === 'bundled' ? 'came with openwork' : 'was there'
  return `${name} ${version} (${byteCount(pin.size)}, ${how})\n  ${path}\n  sha256 ${pin.sha256}`
}
