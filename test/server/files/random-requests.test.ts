import { expect, test } from 'bun:test'
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../fixtures/random.ts'
import { asClient, startServer } from '../start-server.ts'
import { openSession } from './session-client.ts'

const REQUESTS = 1500
const AT_ONCE = 10

const SEGMENTS = [
  'a',
  'b',
  'd',
  'e',
  'link',
  'out',
  '..',
  '.',
  '',
  'workspace',
  'ünï',
  'x'.repeat(300),
  'a\0',
  '\ud800',
  ' ',
  '%2e%2e',
]
const ODD = [null, 0, -1, 1.5, true, '', 'x', [], {}, [null], { path: null }, '\ud800', 'x'.repeat(3000)]
const FLAGS = ['recursive', 'overwrite', 'force', 'createOnly', 'ifMatchRevision']

test('random requests never make the server fail, and never leave the workspace', async () => {
  await using server = await startServer({ flags: ['--approval', 'auto', '--no-log-requests'] })
  await writeFile(join(server.folder, 'secret'), 'secret')
  await symlink('..', join(server.workspace, 'out'))
  await symlink('a', join(server.workspace, 'link'))
  const { raw } = await openSession(server)
  const random = seededRandom(20261122)
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item
  const path = () =>
    Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(SEGMENTS)).join(pick(['/', '/', '\\', '//']))
  const value = (usual: unknown) => (random() < 0.05 ? pick(ODD) : usual)
  const few = <Item>(make: () => Item) => Array.from({ length: 1 + Math.floor(random() * 3) }, make)
  const flags = () => (random() < 0.3 ? { [pick(FLAGS)]: pick([true, false, 'r', null]) } : {})
  const requests = {
    'read-batch': () => value({ paths: value(few(() => value(path()))) }),
    'write-batch': () =>
      value({
        writes: value(
          few(() => value({ path: value(path()), contentBase64: value(pick(['', 'QQ==', 'Q'])), ...flags() })),
        ),
      }),
    ops: () =>
      value({
        operations: value(
          few(() =>
            value({
              type: value(pick(['mkdir', 'delete', 'rename', 'copy'])),
              path: value(path()),
              from: value(path()),
              to: value(path()),
              ...flags(),
            }),
          ),
        ),
      }),
  }
  const seen = new Map<string, number>()
  const note = async (name: string, answer: Response) => {
    const { code = 'ok', items = [] } = (await answer.json()) as {
      code?: string
      items?: { ok: boolean; code?: string }[]
    }
    for (const outcome of [code, ...items.map(item => item.code ?? 'ok')])
      seen.set(`${name} ${outcome}`, (seen.get(`${name} ${outcome}`) ?? 0) + 1)
    expect([name, answer.status < 500]).toEqual([name, true])
  }
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE)
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const name = pick(['read-batch', 'write-batch', 'ops', 'stat', 'raw'] as const)
        if (name !== 'stat' && name !== 'raw') return note(name, await raw(name, requests[name]()))
        const query = `path=${encodeURIComponent(path().toWellFormed())}`
        const answer = await server.call(`/workspace/${server.workspaceId}/files/${name}?${query}`, {
          headers: asClient,
        })
        if (name === 'stat' || !answer.ok) await note(name, answer)
        else expect(await answer.text()).not.toBe('secret')
      }),
    )

  expect(await readFile(join(server.folder, 'secret'), 'utf8')).toBe('secret')
  expect((await readdir(server.folder)).sort()).toEqual(['data', 'project', 'secret'])
  expect((await server.logged()).err).toBe('')
  // It was no walk past closed doors.
  for (const outcome of ['write-batch ok', 'ops ok', 'read-batch ok', 'ops invalid_path', 'ops conflict', 'stat ok'])
    expect(seen.get(outcome) ?? 0).toBeGreaterThan(0)
}, 20_000)
