// What the tests of hot reload share: how a host says it stands, and a host that reloads quickly.
import type { HotReloadStatus } from '../../src/api/hot-reload.ts'
import { eventually, type RunningHost, type World } from './harness.ts'

/** Long enough for a burst on a busy machine to count as one change. */
const DEBOUNCE_MS = 300
export const QUICK = [
  '--opencode-hot-reload-debounce-ms',
  String(DEBOUNCE_MS),
  '--opencode-hot-reload-cooldown-ms',
  '100',
]

/** As `openwork status` tells of the only host. */
export async function statusOf(world: World): Promise<HotReloadStatus> {
  const { stdout } = await world.run(['status', '--json'])
  const { hotReload = [] } = JSON.parse(stdout) as { hotReload?: HotReloadStatus[] }
  const [status] = hotReload
  if (!status) throw new Error(`no hot reload in: ${stdout}`)
  return status
}

export const becomes = (world: World, what: string, isIt: (status: HotReloadStatus) => boolean): Promise<void> =>
  eventually(what, async () => isIt(await statusOf(world)))

/** Resolves when hot reload has begun: from then on no change is missed. */
export const follows = (world: World): Promise<void> =>
  eventually('hot reload', async () => {
    const { stdout } = await world.run(['status', '--json'])
    return ((JSON.parse(stdout) as { hotReload?: unknown[] }).hotReload ?? []).length === 1
  })

/** The names of what opencode serves. */
export async function namesOf(host: RunningHost, what: 'command' | 'agent' | 'skill'): Promise<string[]> {
  const answer = await host.request(`/opencode/${what}`)
  if (!answer.ok) return []
  return ((await answer.json()) as { name: string }[]).map(({ name }) => name)
}

export const serves = (host: RunningHost, what: 'command' | 'agent' | 'skill', name: string): Promise<void> =>
  eventually(`the ${what} ${name}`, async () => (await namesOf(host, what)).includes(name))

export const servesNoMore = (host: RunningHost, what: 'command' | 'agent' | 'skill', name: string): Promise<void> =>
  eventually(`no ${what} ${name}`, async () => !(await namesOf(host, what)).includes(name))
