// The catalog of a workspace with 100,000 files in 10,000 folders, asked over HTTP like any client does.
import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { catalogPage, fileEvents } from '../../src/api/catalog.ts'
import { OPENWORK } from '../../test/e2e/harness.ts'
import { inTurns, type Measurement, median, timed } from './measure.ts'

const TOP_FOLDERS = 100
const FOLDERS_IN_EACH = 100
const FILES_IN_EACH = 10
const CHANGES = 20
/** Between changes: as long as an editor takes at least. */
const PAUSE_MS = 300
const LIMIT_MS = 20_000
const TOKEN = 'token-of-a-bench'

const COLD_BUDGET_MS = 1_500
const WARM_BUDGET_MS = 20
const CHANGE_BUDGET_MS = 300

export async function measureCatalog(rounds: number): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-bench-catalog-'))
  try {
    growTree(join(folder, 'tree'))
    const cold: number[] = []
    for (let round = 0; round <= rounds; round += 1) {
      await using server = await startServer(folder)
      const tookMs = await timed(() => server.bytesOfPage(''))
      if (round > 0) cold.push(tookMs)
    }
    await using server = await startServer(folder)
    return [
      {
        name: 'catalog of 100,000 files: first page, cold',
        unit: 'ms',
        value: median(cold),
        budget: { of: 'value', atMost: COLD_BUDGET_MS },
      },
      ...(await measureWarm(rounds, server)),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureWarm(rounds: number, server: CatalogServer): Promise<Measurement[]> {
  const withoutMb = server.residentMb()
  const { total } = await server.page('')
  const last = await server.page('&after=pkg-99/module-78')
  if (last.truncated || last.items.length < 200) throw new Error('the tree is not what it should be')
  const samples = await inTurns(rounds, {
    first: () => timed(() => server.bytesOfPage('')),
    middle: () => timed(() => server.bytesOfPage('&after=pkg-54/module-54/file-5')),
    last: () => timed(() => server.bytesOfPage('&after=pkg-99/module-78')),
    small: () => timed(() => server.bytesOfPage('&prefix=pkg-7/module-7')),
  })
  const changes: number[] = []
  for (let change = 0; change < CHANGES; change += 1) changes.push(await server.changeLatencyMs(change))
  // Only now: what was needed for the first look alone has been given back.
  const withMb = server.residentMb()
  const warm = (['first', 'middle', 'last'] as const).map(
    (place): Measurement => ({
      name: `… ${place} page of up to 2,000, warm`,
      unit: 'ms',
      value: median(samples[place]),
      budget: { of: 'value', atMost: WARM_BUDGET_MS },
    }),
  )
  return [
    ...warm,
    {
      name: '… page of one folder with 10 files, warm',
      unit: 'ms',
      value: median(samples.small),
      budget: { of: 'value', atMost: WARM_BUDGET_MS },
    },
    {
      name: 'a change made outside, until a poll that waits has it',
      unit: 'ms',
      value: median(changes),
      budget: { of: 'value', atMost: CHANGE_BUDGET_MS },
    },
    ...(withMb === undefined || withoutMb === undefined
      ? []
      : [{ name: `memory for an index of ${total} entries`, unit: 'MB' as const, value: withMb - withoutMb }]),
  ]
}

type CatalogServer = Awaited<ReturnType<typeof startServer>>

async function startServer(folder: string) {
  const tree = join(folder, 'tree')
  const child = Bun.spawn([OPENWORK, 'openwork-server', '--port', '0', '--no-log-requests', '--workspace', tree], {
    cwd: folder,
    env: {
      HOME: folder,
      OPENWORK_SERVER_CONFIG: join(folder, 'server.json'),
      OPENWORK_DATA_DIR: join(folder, 'data'),
      OPENWORK_TOKEN: TOKEN,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await announcedUrl(child.stdout)
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${TOKEN}` }
    const response = await fetch(`${url}${path}`, { ...init, headers, signal: AbortSignal.timeout(LIMIT_MS) })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response
  }
  const ask = async (path: string, init?: RequestInit): Promise<unknown> => (await request(path, init)).json()
  const { items } = (await ask('/workspaces')) as { items: [{ id: string }] }
  const opened = await ask(`/workspace/${items[0].id}/files/sessions`, { method: 'POST', body: '{}' })
  const catalog = `/files/sessions/${(opened as { session: { id: string } }).session.id}/catalog`
  const events = async (query: string) => fileEvents.parse(await ask(`${catalog}/events?${query}`))
  const pathOf = (query: string): string => `${catalog}/snapshot?limit=2000${query}`
  return {
    page: async (query: string) => catalogPage.parse(await ask(pathOf(query))),
    /** All of the answer, unread: what a client makes of it is its own time. */
    bytesOfPage: async (query: string) => (await request(pathOf(query))).bytes(),
    async changeLatencyMs(change: number): Promise<number> {
      await Bun.sleep(PAUSE_MS)
      const { cursor } = await events('')
      const told = events(`since=${cursor}&wait=10`)
      return timed(async () => {
        writeFileSync(join(tree, `pkg-${change}/module-3/changed`), String(change))
        if ((await told).items.length === 0) throw new Error('no event within 10 s')
      })
    },
    /** Undefined where there is no /proc. */
    residentMb(): number | undefined {
      if (process.platform !== 'linux') return undefined
      return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await child.exited
    },
  }
}

async function announcedUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let printed = ''
  for await (const chunk of stdout) {
    printed += decoder.decode(chunk, { stream: true })
    const url = /listening on (http:\S+)/.exec(printed)?.[1]
    if (url) return url
  }
  throw new Error(`the server ended: ${printed}`)
}

/** Links instead of files: ten times quicker to make, and all the same to whoever lists them. */
function growTree(root: string): void {
  for (let top = 0; top < TOP_FOLDERS; top += 1) {
    // A file system may allow a file no more than some ten thousand names.
    const source = join(root, `pkg-${top}`, 'one file of many names')
    mkdirSync(join(root, `pkg-${top}`), { recursive: true })
    writeFileSync(source, '')
    for (let folder = 0; folder < FOLDERS_IN_EACH; folder += 1) {
      const path = join(root, `pkg-${top}`, `module-${folder}`)
      mkdirSync(path)
      for (let file = 0; file < FILES_IN_EACH; file += 1) linkSync(source, join(path, `file-${file}`))
    }
  }
}
