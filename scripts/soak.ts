// npm run soak [-- --minutes <n>]: what only time shows of event streams, against the built server (10 minutes).
//
// A stream that nothing is sent on for the whole time still delivers; clients that are cut off 1,000 times miss nothing
// and get nothing twice; the server's memory does not grow. Prints what it saw, and exits 1 when one of them fails.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileEvent } from '../src/api/catalog.ts'
import { StreamClient } from '../test/server/file-index/stream-client.ts'
import { median } from './bench/measure.ts'

const TOKEN = 'token-of-a-soak'
const HEADERS = { authorization: `Bearer ${TOKEN}` }
const CLIENTS = 20
const CUTS = 1_000
const WRITE_EVERY_MS = 200
const SAMPLE_EVERY_MS = 5_000
/** From the beginning to the end of the run; the first third is for warming up. */
const MAX_GROWTH_MB = 12
const LAST_EVENTS_MS = 10_000
const LAST_FILE = 'the end'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new Error('--minutes must be a number above 0')

const folder = await mkdtemp(join(tmpdir(), 'openwork-soak-'))
const server = await startServer()
try {
  process.exitCode = (await soak()) ? 0 : 1
} finally {
  server.process.kill()
  await server.process.exited
  await rm(folder, { recursive: true, force: true })
}

async function soak(): Promise<boolean> {
  const endAtMs = performance.now() + minutes * 60_000
  const quiet = new StreamClient({ url: await streamOf('quiet'), headers: HEADERS })
  await quiet.until(({ received }) => received.length > 0)
  const url = await streamOf('busy')
  const [clients, memory, changes] = await Promise.all([
    Promise.all(Array.from({ length: CLIENTS }, () => interruptedClient(url, endAtMs))),
    memoryOf(server.process.pid, endAtMs),
    keepChanging(join(folder, 'busy'), endAtMs),
  ])

  await writeFile(join(folder, 'quiet', 'at last'), '')
  await within(
    LAST_EVENTS_MS,
    quiet.until(({ received }) => received.length > 1),
  )
  const survived = quiet.received.some(({ event }) => event === 'change')
  await quiet.drop()

  const wrong = clients.filter(({ seen }) => seen.some((seq, index) => seq !== index + 1))
  const cuts = clients.reduce((sum, client) => sum + client.cuts, 0)
  const growth =
    median(memory.slice(-memory.length / 3)) - median(memory.slice(memory.length / 3, (memory.length * 2) / 3))
  const told = clients.map(({ seen }) => seen.length)
  console.log(`quiet stream: ${survived ? 'delivered' : 'NOTHING CAME'} after ${minutes} minutes`)
  console.log(`forced disconnects: ${cuts}; clients with a lost or doubled event: ${wrong.length} of ${CLIENTS}`)
  console.log(`changes made: ${changes}; events per client: ${Math.min(...told)} to ${Math.max(...told)}`)
  console.log(
    `server memory: ${memory.map(mb => mb.toFixed(0)).join(' ')} MB; growth after warming up ${growth.toFixed(1)} MB`,
  )
  const isComplete = Math.min(...told) > 0 && Math.min(...told) === Math.max(...told)
  return survived && wrong.length === 0 && cuts >= CUTS && isComplete && growth <= MAX_GROWTH_MB
}

/** Connects and is cut off again and again, spread over the time, then reads to the end. */
async function interruptedClient(url: string, endAtMs: number): Promise<{ seen: number[]; cuts: number }> {
  const cuts = CUTS / CLIENTS
  const everyMs = (endAtMs - performance.now()) / (cuts + 1)
  const seen: number[] = []
  let lastEventId: string | undefined
  for (let cut = 0; cut <= cuts; cut += 1) {
    const client = new StreamClient({ url, headers: HEADERS, lastEventId })
    await client.until(({ received }) => received.length > 0)
    if (cut < cuts) await Bun.sleep(everyMs * (0.5 + Math.random() / 2))
    else await within(endAtMs - performance.now() + LAST_EVENTS_MS, client.until(hasLast))
    await client.drop()
    for (const { id, event } of client.received) if (event === 'change') seen.push(Number(id?.split(':')[1]))
    if (client.received.some(({ event }) => event !== 'change' && event !== 'ready')) seen.push(Number.NaN)
    lastEventId = client.lastEventId ?? lastEventId
  }
  return { seen, cuts }
}

function hasLast({ received }: StreamClient): boolean {
  return received.some(({ data }) => fileEvent.safeParse(data).data?.path === LAST_FILE)
}

/** Writes and deletes, and the last file at the end. */
async function keepChanging(path: string, endAtMs: number): Promise<number> {
  let changes = 0
  for (; performance.now() < endAtMs; changes += 1) {
    await Bun.sleep(WRITE_EVERY_MS)
    await writeFile(join(path, `file-${changes % 50}`), String(changes))
    if (changes % 10 === 9) await rm(join(path, `file-${changes % 50}`))
  }
  await writeFile(join(path, LAST_FILE), '')
  return changes
}

async function memoryOf(pid: number, endAtMs: number): Promise<number[]> {
  const samples: number[] = []
  for (; performance.now() < endAtMs; await Bun.sleep(SAMPLE_EVERY_MS)) {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
    samples.push((Number(kilobytes) * 1024) / 1e6)
  }
  return samples
}

/** The address of the change stream of a workspace, in a session that outlives the run. */
async function streamOf(workspace: string): Promise<string> {
  const { items } = await ask<{ items: { id: string; path: string }[] }>('/workspaces')
  const id = items.find(({ path }) => path === join(folder, workspace))?.id
  const body = JSON.stringify({ ttlSeconds: 24 * 60 * 60 })
  const opened = await ask<{ session: { id: string } }>(`/workspace/${id}/files/sessions`, { method: 'POST', body })
  return `${server.url}/files/sessions/${opened.session.id}/catalog/stream?since=0`
}

async function ask<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    ...init,
    headers: HEADERS,
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Answer
}

async function startServer() {
  const workspaces = [join(folder, 'quiet'), join(folder, 'busy')]
  for (const path of workspaces) await mkdir(path)
  const program = join(import.meta.dir, '..', 'dist', 'bin', 'openwork-server')
  const flags = ['--port', '0', '--no-log-requests', ...workspaces.flatMap(path => ['--workspace', path])]
  const child = Bun.spawn([program, ...flags], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      OPENWORK_SERVER_CONFIG: join(folder, 'server.json'),
      OPENWORK_DATA_DIR: join(folder, 'data'),
      OPENWORK_TOKEN: TOKEN,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const decoder = new TextDecoder()
  let printed = ''
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk, { stream: true })
    const url = /listening on (http:\S+)/.exec(printed)?.[1]
    if (url) return { process: child, url }
  }
  throw new Error(`the server ended: ${printed}`)
}

function within(limitMs: number, work: Promise<void>): Promise<void> {
  return Promise.race([work, Bun.sleep(limitMs)])
}
