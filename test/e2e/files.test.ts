// Files of a workspace through the built executable: its commands, and what a SIGKILL in the middle of writes leaves.
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { catalogPage } from '../../src/api/catalog.ts'
import { fileSessionReply, writeBatchReply } from '../../src/api/files.ts'
import { isTemporaryName, temporaryName } from '../../src/server/files/temporary-name.ts'
import { LIMIT_MS, newWorld, type World } from './harness.ts'

const TOKENS = { OPENWORK_TOKEN: 'client-token', OPENWORK_HOST_TOKEN: 'host-token' }

/** An openwork-server of its own on the world's workspace. */
async function startServer(world: World) {
  const flags = ['--port', '0', '--approval', 'auto', '--workspace', world.workspace]
  const command = world.start(['openwork-server', ...flags], {
    env: { ...TOKENS, OPENWORK_SERVER_CONFIG: join(world.home, 'server.json') },
  })
  const [, url = ''] = await command.prints(/listening on (http:\S+)/)
  const ask = async (path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, {
      headers: { authorization: `Bearer ${TOKENS.OPENWORK_TOKEN}` },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    return answer.json()
  }
  const { items } = (await ask('/workspaces')) as { items: { id: string }[] }
  const { session } = fileSessionReply.parse(await ask(`/workspace/${items[0]?.id}/files/sessions`, {}))
  return { command, url, ask: (name: string, body?: unknown) => ask(`/files/sessions/${session.id}/${name}`, body) }
}

const FILES = 6

/** A version as content: large enough for several writes of the system, and whole only when all lines agree. */
const contentOf = (version: number): string => `${String(version).padStart(8, '0')}\n`.repeat(40_000)

function versionIn(path: string): number {
  const text = readFileSync(path, 'utf8')
  const version = Number(text.slice(0, 8))
  expect(text === contentOf(version)).toBe(true)
  return version
}

test('a server that is killed while it writes leaves every file whole, and none older than it said', async () => {
  await using world = await newWorld()
  for (let round = 1; round <= 3; round += 1) {
    const server = await startServer(world)
    const acknowledged = new Map<string, number>()
    const twenty = Promise.withResolvers<void>()
    let answers = 0
    const writing = Array.from({ length: FILES }, async (_, index) => {
      for (let version = round * 1_000_000; ; version += 1) {
        const writes = [0, 1].map(part => ({
          path: `f${index}-${part}`,
          contentBase64: Buffer.from(contentOf(version)).toString('base64'),
        }))
        const { items } = writeBatchReply.parse(await server.ask('write-batch', { writes }))
        for (const item of items) if (item.ok) acknowledged.set(item.path, version)
        answers += 1
        if (answers === 20) twenty.resolve()
      }
    })
    const ended = Promise.allSettled(writing)
    await twenty.promise
    server.command.signal('SIGKILL')
    await server.command.exited
    await ended

    expect(acknowledged.size).toBe(2 * FILES)
    for (const [path, version] of acknowledged)
      expect(versionIn(join(world.workspace, path))).toBeGreaterThanOrEqual(version)
  }

  // A file that was being written is there under a name of its own, and shows nowhere. Here is one for sure:
  writeFileSync(join(world.workspace, temporaryName()), 'half')
  const left = readdirSync(world.workspace).filter(isTemporaryName)
  expect(left.length).toBeGreaterThan(0)
  const server = await startServer(world)
  const { items } = catalogPage.parse(await server.ask('catalog/snapshot'))
  expect(items.map(({ path }) => path).filter(path => left.includes(path))).toEqual([])
  expect(items.map(({ path }) => path)).toContain('f0-0')
})

test('files are written and read by commands, and a failed item is exit code 1', async () => {
  await using world = await newWorld()
  const { url } = await startServer(world)
  const run = async (...args: string[]) => {
    const { code, stdout } = await world.run(['files', ...args], { env: { ...TOKENS, OPENWORK_URL: url } })
    return { code, document: JSON.parse(stdout) as unknown }
  }
  const { session } = fileSessionReply.parse((await run('session', 'create', '--write', '--json')).document)
  expect(await run('write', session.id, '--path', 'notes/todo.md', '--content', '', '--json')).toMatchObject({
    code: 0,
    document: { items: [{ ok: true, path: 'notes/todo.md', bytes: 0 }] },
  })
  expect(await run('read', session.id, '--paths', 'notes/todo.md,none', '--json')).toMatchObject({
    code: 1,
    document: {
      items: [
        { ok: true, contentBase64: '' },
        { ok: false, code: 'file_not_found' },
      ],
    },
  })
  expect(await run('session', 'close', session.id)).toEqual({ code: 0, document: { ok: true } })
  expect(await run('read', session.id, 'a', '--json')).toMatchObject({
    code: 1,
    document: { ok: false, code: 'file_session_not_found' },
  })
})
