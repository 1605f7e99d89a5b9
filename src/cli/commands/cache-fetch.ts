import { VERSION } from '../../shared/version.ts'
import type { FoundBuild } from '../../sidecars/cache/cache-builds.ts'
import { byteCount } from '../byte-count.ts'
import { ByteProgress } from '../byte-progress.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { fetchBuild } from './cache-fetch-build.ts'
import { cacheFlags, executablePath, MADE, targetFlag } from './cache-place.ts'
import { parseSidecarPlace, sidecarPlaceFlags } from './sidecar-flags.ts'

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
    const [{ buildsForMachine, buildsNamed, findBuild, findCached }, { Verifier }] = await Promise.all([
      import('../../sidecars/cache/cache-builds.ts'),
      import('../../sidecars/verify/verify.ts'),
    ])
    const { pins } = MADE
    const verifier = new Verifier(place.dir)
    const forMachine = target ? [] : await buildsForMachine(pins, env)
    const named = target ? buildsNamed(pins, target) : forMachine.slice(0, 1)
    const progress = new ByteProgress(stderr, text => output.note(text))
    const fetched = await interruptible('what had arrived is gone on with by the next fetch', async signal => {
      const places = { pins, sidecarDir: place.dir, executablePath: executablePath(), verifier, env, signal }
      const done: Fetched[] = []
      for (const wanted of named) {
        const found = target ? await findCached(wanted, places) : await findBuild(forMachine, places)
        if (found) done.push({ ...found, fetched: false })
        else {
          const path = await fetchBuild(wanted, { place, verifier, context, progress, signal })
          done.push({ wanted, path, source: 'downloaded', fetched: true })
        }
      }
      return done
    }).finally(() => progress.end())
    const items = fetched.map(itemOf)
    // What a start on this machine would run; null when other builds were asked for.
    const opencode = target ? null : (items[0] ?? null)
    output.result({ ok: true, version: VERSION, opencode, items }, () => fetched.map(textOf).join('\n'))
  },
})

type Fetched = FoundBuild & { fetched: boolean }

const itemOf = ({ wanted: { name, version, pin }, path, source, fetched }: Fetched) => ({
  name: 'opencode',
  version,
  target: name.replace(/^opencode-/, ''),
  path,
  source,
  fetched,
  sha256: pin.sha256,
  size: pin.size,
})

function textOf({ wanted: { name, version, pin }, path, source, fetched }: Fetched): string {
  const how = fetched ? 'fetched' : source === 'bundled' ? 'came with openwork' : 'was there'
  return `${name} ${version} (${byteCount(pin.size)}, ${how})\n  ${path}\n  sha256 ${pin.sha256}`
}
