// Coming up and going down, against a bare `opencode serve`.
import type { World } from '../../test/e2e/harness.ts'
import { startOpencode } from '../../test/fixtures/opencode.ts'
import { inTurns, type Measurement, median, timed } from './measure.ts'

export async function measureLife(rounds: number, world: World, bare: World): Promise<Measurement[]> {
  const stops: number[] = []
  const { ours, opencode } = await inTurns(rounds, {
    ours: async () => {
      const startedAt = performance.now()
      const host = await world.serve()
      const took = performance.now() - startedAt
      stops.push(await timed(() => host.stop()))
      const left = world.processes()
      if (left.length > 0) throw new Error(`Left after the stop: ${left.map(({ command }) => command).join(', ')}`)
      return took
    },
    opencode: () => bareReadyMs(bare),
  })
  return [
    {
      name: 'launch → everything ready',
      unit: 'ms',
      value: median(ours),
      floor: { name: 'bare opencode', value: median(opencode) },
      budget: { of: 'ratio', atMost: 1.2 },
    },
    { name: 'stop → nothing left', unit: 'ms', value: median(stops.slice(1)), budget: { of: 'value', atMost: 200 } },
  ]
}

/** From the spawn of `opencode serve` to its first healthy answer. */
async function bareReadyMs({ home, workspace }: World): Promise<number> {
  const startedAt = performance.now()
  await using opencode = await startOpencode({ home, workspace })
  const answer = await fetch(`${opencode.url}/global/health`, {
    headers: { authorization: opencode.authorization },
    signal: AbortSignal.timeout(5_000),
  })
  if (!answer.ok) throw new Error(`opencode answered ${answer.status}`)
  return performance.now() - startedAt
}
