// What a daemon with many workspaces keeps in memory: of opencode's, with idle workspaces evicted and without; and of
// ours. Linux only: /proc knows whose child a process is, and proportional memory.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DaemonStatus } from '../../src/api/daemon.ts'
import { type DaemonClient, daemonClient } from '../../src/api/daemon-client.ts'
import { daemonFiles } from '../../src/daemon/daemon-files.ts'
import { processUsage } from '../../src/supervisor/process-usage.ts'
import { newWorld, type RunningCommand, type World } from '../../test/e2e/harness.ts'
import { pssMb } from './idle.ts'
import { type Measurement, timed } from './measure.ts'

const WORKSPACES = 200
const AT_ONCE = 50
/** After one that does not count: opencode loads most of itself with its first instances. */
const ROUNDS = 5
const IDLE_TIMEOUT = '3s'
const LIMIT_MS = 60_000
/** For the processes of the last instances that were disposed of. */
const ENDING_MS = 2_000
const TOKEN = 'bench-client-token-0123456789abcdef'
/** Of opencode's own memory, once all are evicted: after the last round against after the first. */
const GROWTH_BUDGET = 1.25
/** What eviction is worth: the same workspaces, kept, against evicted. */
const KEPT_BUDGET = 1.2
/** Of the daemon and openwork-server together, where 90 is allowed for one workspace. */
const OURS_BUDGET_MB = 150

/** An MCP server in a few lines of shell, so that every workspace that is in use has a process of its own. */
const MCP_SERVER = `while read -r line; do
  id="\${line##*\\"id\\":}"; id="\${id%%[,\\}]*}"
  case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"idle","version":"1"}}' ;;
    *'"id":'*) result='{}' ;;
    *) continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\\n' "$id" "$result"
done`

/** Of one round: after its workspaces were in use, and after their idle time. */
type Round = { inUse: Engine; idle: Engine }
type Engine = { mb: number; children: number }

export async function measureDaemon(): Promise<Measurement[]> {
  if (process.platform !== 'linux') return []
  const evicting = await measureRounds(IDLE_TIMEOUT)
  const keeping = await measureRounds('0')
  const [evicted, kept] = [evicting, keeping].map(({ rounds }) => rounds.map(({ idle }) => idle.mb))
  return [
    { name: `${WORKSPACES} workspaces added to a daemon`, unit: 'ms', value: evicting.addMs },
    {
      name: `daemon and openwork-server, ${WORKSPACES} workspaces (${evicting.oursBefore.toFixed(0)} MB without any)`,
      unit: 'MB',
      value: evicting.ours,
      budget: { of: 'value', atMost: OURS_BUDGET_MB },
    },
    {
      name: `children of opencode, ${ROUNDS} × ${AT_ONCE} workspaces later, idle`,
      unit: 'processes',
      value: Math.max(...evicting.rounds.map(({ idle }) => idle.children)),
      budget: { of: 'value', atMost: evicting.start.children },
    },
    {
      name: `opencode, ${AT_ONCE} workspaces evicted, round ${ROUNDS} (${shown(evicting)})`,
      unit: 'MB',
      value: evicted?.at(-1) ?? Number.NaN,
      floor: { name: 'round 1', value: evicted?.[0] ?? Number.NaN },
      budget: { of: 'ratio', atMost: GROWTH_BUDGET },
    },
    {
      name: `opencode, ${AT_ONCE} workspaces kept each round (${shown(keeping)})`,
      unit: 'MB',
      value: kept?.at(-1) ?? Number.NaN,
      floor: { name: 'evicted', value: evicted?.at(-1) ?? Number.NaN },
      budget: { of: 'ratio', atLeast: KEPT_BUDGET },
    },
  ]
}

type Rounds = { start: Engine; rounds: Round[]; addMs: number; ours: number; oursBefore: number }

/** Megabytes at the start, then in use and idle in each round. */
const shown = ({ start, rounds }: Rounds): string =>
  [
    `${start.mb.toFixed(0)} MB at the start`,
    ...rounds.map(({ inUse, idle }) => `${inUse.mb.toFixed(0)} in use, ${idle.mb.toFixed(0)} idle`),
  ].join('; ')

/** A daemon whose workspaces are used so many after so many. */
async function measureRounds(idleTimeout: string): Promise<Rounds> {
  await using world = await newWorld()
  const folders = await makeFolders(world)
  const daemon = await startDaemon(world, idleTimeout)
  const oursBefore = oursMb(daemon)
  const ids: string[] = []
  const addMs = await timed(async () => {
    for (const path of folders) ids.push((await daemon.client.addWorkspace({ path })).workspace.id)
  })
  const ours = oursMb(daemon)
  const start = await engineOf(daemon)
  const rounds: Round[] = []
  for (let round = 0; round <= ROUNDS; round += 1) {
    // Others each time, and from the first again when all have had their turn.
    const used = Array.from({ length: AT_ONCE }, (_, index) => ids[(round * AT_ONCE + index) % ids.length] ?? '')
    // None is to go before all are there, however slow the machine is.
    const leases = await Promise.all(used.map(id => daemon.client.lease(id)))
    await useAll(daemon, used)
    const inUse = await engineOf(daemon)
    await Promise.all(leases.map(({ id }) => daemon.client.releaseLease(id)))
    if (idleTimeout !== '0') {
      await until('the instances are gone', async () => (await live(daemon)) === 0)
      await Bun.sleep(ENDING_MS)
    }
    const idle = await engineOf(daemon)
    if (round > 0) rounds.push({ inUse, idle })
  }
  daemon.command.signal('SIGTERM')
  await daemon.command.exited
  return { start, rounds, addMs, ours, oursBefore }
}

type Daemon = {
  client: DaemonClient
  command: RunningCommand
  baseUrl: string
  pids: { ours: number[]; opencode: number }
}

async function startDaemon(world: World, idleTimeout: string): Promise<Daemon> {
  const args = ['daemon', 'run', '--json', '--idle-timeout', idleTimeout, '--openwork-port', '0']
  const command = world.start(args, { env: { OPENWORK_TOKEN: TOKEN } })
  const [text] = await command.prints(/^\{[\s\S]*?^\}\n/m)
  const { daemon } = JSON.parse(text) as DaemonStatus
  const token = (await readFile(daemonFiles(world.dataDir).token, 'utf8')).trim()
  const client = daemonClient({ baseUrl: daemon?.baseUrl ?? '', token, timeoutMs: LIMIT_MS })
  const { openwork, opencode } = await client.status()
  const pids = { ours: [command.pid, openwork.pid ?? 0], opencode: opencode?.pid ?? 0 }
  return { client, command, baseUrl: openwork.baseUrl, pids }
}

async function makeFolders({ home }: World): Promise<string[]> {
  const folders = Array.from({ length: WORKSPACES }, (_, index) => join(home, `workspace-${index}`))
  const mcp = { idle: { type: 'local', command: ['/bin/sh', '-c', MCP_SERVER] } }
  for (const folder of folders) {
    await mkdir(folder)
    await writeFile(join(folder, 'opencode.json'), JSON.stringify({ autoupdate: false, share: 'disabled', mcp }))
  }
  return folders
}

/** Through openwork-server, as a phone would: a session in each, and its MCP server started. */
async function useAll({ baseUrl }: Daemon, ids: readonly string[]): Promise<void> {
  const ask = async (id: string, path: string, method: string): Promise<void> => {
    const response = await fetch(`${baseUrl}/w/${id}/opencode${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(method === 'POST' && { body: '{}' }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    if (!response.ok) throw new Error(`${method} ${path} of ${id}: ${response.status} ${await response.text()}`)
    await response.body?.cancel()
  }
  await Promise.all(
    ids.map(async id => {
      await ask(id, '/session', 'POST')
      await ask(id, '/mcp', 'GET')
    }),
  )
}

/** Its own memory: what its children take is not what stays. */
async function engineOf({ pids: { opencode } }: Daemon): Promise<Engine> {
  return { mb: pssMb(opencode), children: (await processUsage(opencode))?.children ?? Number.NaN }
}

const oursMb = ({ pids: { ours } }: Daemon): number => ours.reduce((sum, pid) => sum + pssMb(pid), 0)

const live = async ({ client }: Daemon): Promise<number> =>
  (await client.status()).instances.filter(({ state }) => state !== 'none').length

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endsAtMs = performance.now() + LIMIT_MS
  while (!(await isTrue())) {
    if (performance.now() > endsAtMs) throw new Error(`waited too long until ${what}`)
    await Bun.sleep(1_000)
  }
}
