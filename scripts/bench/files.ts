// Batches of a file session against the same files read and written by a process that has them at hand.
import { join } from 'node:path'
import { fileSessionReply, readBatchReply, writeBatchReply } from '../../src/api/files.ts'
import type { World } from '../../test/e2e/harness.ts'
import { inTurns, type Measurement, median, timed } from './measure.ts'

const FILES = 100
const FILE_BYTES = 4096
/** Items of one batch; 100 files take two. */
const BATCH = 64
const LIMIT_MS = 30_000

const TOKEN = 'client-token'
const names = Array.from({ length: FILES }, (_, index) => `bench/f${index}`)
const batches = [names.slice(0, BATCH), names.slice(BATCH)]

export async function measureFiles(rounds: number, world: World): Promise<Measurement[]> {
  const server = world.start(
    ['openwork-server', '--port', '0', '--approval', 'auto', '--no-log-requests', '--workspace', world.workspace],
    { env: { OPENWORK_TOKEN: TOKEN, OPENWORK_SERVER_CONFIG: join(world.home, 'bench-files.json') } },
  )
  const [, url = ''] = await server.prints(/listening on (http:\S+)/)
  const session = await openSession(url)
  let round = 0
  const content = () => Buffer.alloc(FILE_BYTES, `${round++}`.padStart(8, '0'))

  await plainWrite(world, content()) // there is something to read in the first round
  const samples = await inTurns(rounds, {
    plainWrite: () => plainWrite(world, content()),
    write: () => timedBatches(batch => session.write(batch, content())),
    plainRead: () => plainRead(world),
    read: () => timedBatches(session.read),
  })
  server.signal('SIGTERM')
  await server.exited
  const measurement = (name: string, values: number[], floor: string, floorValues: number[]): Measurement => ({
    name: `${name} ${FILES} × 4 KiB in ${batches.length} batches`,
    unit: 'ms',
    value: median(values),
    floor: { name: floor, value: median(floorValues) },
  })
  return [
    measurement('read', samples.read, 'Bun.file', samples.plainRead),
    measurement('write (each file synced, then renamed)', samples.write, 'Bun.write', samples.plainWrite),
  ]
}

const plainWrite = ({ workspace }: World, bytes: Buffer): Promise<number> =>
  timed(() => Promise.all(names.map(name => Bun.write(join(workspace, name), bytes))))

const plainRead = ({ workspace }: World): Promise<number> =>
  timed(() => Promise.all(names.map(name => Bun.file(join(workspace, name)).bytes())))

const timedBatches = (work: (batch: string[]) => Promise<void>): Promise<number> =>
  timed(async () => {
    for (const batch of batches) await work(batch)
  })

async function openSession(url: string) {
  const ask = async (path: string, body: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    return answer.json()
  }
  const { items: workspaces } = (await ask('/workspaces', undefined)) as { items: { id: string }[] }
  const { session } = fileSessionReply.parse(await ask(`/workspace/${workspaces[0]?.id}/files/sessions`, {}))
  const path = `/files/sessions/${session.id}`
  return {
    async read(paths: string[]): Promise<void> {
      const { items } = readBatchReply.parse(await ask(`${path}/read-batch`, { paths }))
      requireAll(items)
    },
    async write(paths: string[], bytes: Buffer): Promise<void> {
      const writes = paths.map(path => ({ path, contentBase64: bytes.toString('base64') }))
      const { items } = writeBatchReply.parse(await ask(`${path}/write-batch`, { writes }))
      requireAll(items)
    },
  }
}

function requireAll(items: readonly { ok: boolean }[]): void {
  if (!items.every(({ ok }) => ok)) throw new Error(`a batch failed: ${JSON.stringify(items.find(({ ok }) => !ok))}`)
}
