import { expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpenApiDocument } from '../../src/http/openapi.ts'
import { seededRandom } from '../fixtures/random.ts'
import { operationsOf, RandomRequests } from './random-requests.ts'
import { asClient, asHost, startServer } from './start-server.ts'

const REQUESTS = 10_000
const AT_ONCE = 16
const LIMIT_MS = 120_000

type Server = Awaited<ReturnType<typeof startServer>>

async function requestsFor(server: Server): Promise<RandomRequests> {
  await mkdir(join(server.workspace, 'docs'))
  await writeFile(join(server.workspace, 'a.md'), 'a')
  const sessions: string[] = []
  for (const write of [true, false]) {
    const opened = await server.post(`/workspace/${server.workspaceId}/files/sessions`, asClient, { write })
    sessions.push(((await opened.json()) as { session: { id: string } }).session.id)
  }
  const viewer = await server.tokenOf('viewer')
  const credentials = [asClient, asClient, asClient, asHost, asHost, viewer, {}, { authorization: 'Bearer x' }]
  return new RandomRequests({
    random: seededRandom(20_261_122),
    workspaceId: server.workspaceId,
    sessions,
    credentials,
  })
}

/** The code of a refusal, `undefined` for any other answer. Streams are left at once. */
async function refusalOf(response: Response): Promise<string | undefined> {
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    await response.body?.cancel()
    return undefined
  }
  const text = await response.text()
  return response.status < 400 || text === '' ? undefined : (JSON.parse(text) as { code: string }).code
}

test(
  'ten thousand random requests are answered as the document says, without a bug',
  async () => {
    await using server = await startServer({ flags: ['--approval', 'auto'] })
    const requests = await requestsFor(server)
    const document = await server.json('/openapi.json', { headers: asClient })
    const operations = operationsOf(document.body as OpenApiDocument)

    const undescribed: string[] = []
    let left = REQUESTS
    const send = async (): Promise<void> => {
      while (left-- > 0) {
        const operation = requests.pick(operations)
        const { path, init, isRaw } = requests.next(operation)
        const code = await refusalOf(await server.call(path, init))
        const isOther = isRaw || init.method !== operation.method || code === 'not_found'
        if (code === 'internal_error' || !(code === undefined || isOther || operation.codes.has(code)))
          undescribed.push(`${operation.path} ${code}: ${init.method} ${path} ${String(init.body ?? '')}`.slice(0, 500))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, send))

    expect(undescribed).toEqual([])
    expect((await server.call('/health')).status).toBe(200)
    expect((await server.logged()).err).not.toContain('failed:')
  },
  LIMIT_MS,
)
