import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { issuedToken, tokenList } from '../../../src/api/tokens.ts'
import { asHost, startServer, temporaryFolder } from '../../server/start-server.ts'
import { hostEnv, runCommand } from './run-command.ts'

test('tokens are listed in a table and as JSON, rotated and revoked', async () => {
  await using server = await startServer()
  const env = hostEnv(server)
  expect((await runCommand(['tokens', 'list'], env)).stdout).toBe('No tokens\n')
  const response = await server.post('/tokens', asHost, { scope: 'viewer', label: 'wall', expiresInSeconds: 3600 })
  const { id, token } = issuedToken.parse(await response.json())

  const [head, row] = (await runCommand(['tokens', 'list'], env)).stdout.split('\n')
  expect(head).toMatch(/^ID +KIND +SCOPE +LABEL +CREATED +LAST SEEN +EXPIRES$/)
  expect(row).toMatch(new RegExp(`^${id}  issued  viewer  wall +just now  never +20\\d\\d-`))
  const { items } = tokenList.parse(JSON.parse((await runCommand(['tokens', 'list', '--json'], env)).stdout))
  expect(items).toMatchObject([{ id, kind: 'issued', scope: 'viewer' }])

  const statusWith = async (bearer: string): Promise<number> =>
    (await server.call('/whoami', { headers: { authorization: `Bearer ${bearer}` } })).status
  const rotated = (await runCommand(['tokens', 'rotate', id], env)).stdout.trim()
  expect(rotated).toMatch(/^owt_[0-9a-f]{32}$/)
  expect([await statusWith(token), await statusWith(rotated)]).toEqual([401, 200])

  const revoked = await runCommand(['tokens', 'revoke', id, '--json'], env)
  expect(JSON.parse(revoked.stdout)).toEqual({ ok: true, id })
  expect(await statusWith(rotated)).toBe(401)
})

test('a token that is not there is a failure with its code', async () => {
  await using server = await startServer()
  for (const verb of ['revoke', 'rotate']) {
    const { code, stdout } = await runCommand(['tokens', verb, 'a/../b', '--json'], hostEnv(server))
    expect([code, JSON.parse(stdout).code]).toEqual([1, 'token_not_found'])
  }
})

test('a label of an old store cannot write over the terminal', async () => {
  await using folder = await temporaryFolder()
  const label = '\u001b[2Jowner\nid2  issued  owner'
  const old = { id: 'id1', hash: Bun.SHA256.hash('x', 'hex'), scope: 'viewer', createdAt: 1, label }
  await writeFile(join(folder.path, 'tokens.json'), JSON.stringify({ tokens: [old] }))
  await using server = await startServer({ folder: folder.path })
  const { stdout } = await runCommand(['tokens', 'list'], hostEnv(server))
  expect(stdout.trimEnd().split('\n')).toHaveLength(2)
  expect(stdout).not.toContain('\u001b')
})
