// Devices and folders through the built executable: no URL and no token named, the host of this data dir is meant.
import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OpenedPairing } from '../../src/api/pairings.ts'
import { issuedToken, tokenList } from '../../src/api/tokens.ts'
import { newWorld } from './harness.ts'

test('a device is paired, listed, given another secret and shut out; all of it is written down', async () => {
  await using world = await newWorld()
  const host = await world.serve()
  const waiting = world.start(['pair', '--wait', '--label', 'phone', '--scope', 'viewer'])
  const [, code = ''] = await waiting.prints(/^Code {5}(\S+)/m, 'stderr')
  const url = host.document.openwork.connectUrl
  const claim = () => fetch(`${url}/pairings/claim`, { method: 'POST', body: JSON.stringify({ code }) })
  const answers = await Promise.all(Array.from({ length: 20 }, claim))
  const [won, ...others] = answers.filter(({ status }) => status === 201)
  expect(others).toEqual([])
  const device = issuedToken.parse(await won?.json())
  expect(await waiting.exited).toMatchObject({ code: 0, stdout: `Paired: phone (viewer, token ${device.id})\n` })

  const statusWith = async (token: string): Promise<number> =>
    (await fetch(`${url}/whoami`, { headers: { authorization: `Bearer ${token}` } })).status
  expect(await statusWith(device.token)).toBe(200)
  const { items } = tokenList.parse(JSON.parse((await world.run(['tokens', 'list', '--json'])).stdout))
  expect(items[0]).toMatchObject({ id: device.id, kind: 'device', label: 'phone', lastSeenAt: expect.any(Number) })
  const rotated = (await world.run(['tokens', 'rotate', device.id])).stdout.trim()
  expect([await statusWith(device.token), await statusWith(rotated)]).toEqual([401, 200])
  expect(await world.run(['tokens', 'revoke', device.id])).toMatchObject({ code: 0, stdout: `Revoked ${device.id}\n` })
  expect(await statusWith(rotated)).toBe(401)

  const { stdout, stderr } = await host.stop()
  for (const secret of [code, device.token, rotated]) expect(stdout + stderr).not.toContain(secret)
})

test('a device stays paired when the host starts again, and an open code does not', async () => {
  await using world = await newWorld()
  const first = await world.serve()
  const open = async (): Promise<OpenedPairing> => JSON.parse((await world.run(['pair', '--json'])).stdout)
  const claim = (url: string, code: string) =>
    fetch(`${url}/pairings/claim`, { method: 'POST', body: JSON.stringify({ code }) })
  const [used, unused] = [await open(), await open()]
  const device = issuedToken.parse(await (await claim(first.document.openwork.connectUrl, used.code)).json())
  await first.stop()

  const second = await world.serve()
  const { connectUrl } = second.document.openwork
  const headers = { authorization: `Bearer ${device.token}` }
  expect((await fetch(`${connectUrl}/whoami`, { headers })).status).toBe(200)
  expect((await claim(connectUrl, unused.code)).status).toBe(404)
  const { items } = tokenList.parse(JSON.parse((await world.run(['tokens', 'list', '--json'])).stdout))
  expect(items.map(({ scope, kind }) => [scope, kind])).toEqual([
    ['owner', 'issued'], // of this run: that of the first ended with it
    ['collaborator', 'device'],
  ])
})

test('a folder is mirrored to the running host and back', async () => {
  await using world = await newWorld()
  await world.serve(['--approval', 'auto'])
  const local = join(world.home, 'notes')
  mkdirSync(local)
  writeFileSync(join(local, 'a.md'), 'one')
  const sync = (...flags: string[]) => world.run(['files', 'sync', local, 'notes', ...flags])
  expect(await sync()).toMatchObject({ code: 0, stdout: '1 created, 0 updated, 0 unchanged\n', stderr: '' })
  const remote = join(world.workspace, 'notes', 'a.md')
  expect(readFileSync(remote, 'utf8')).toBe('one')
  expect(JSON.parse((await sync('--json', '--direction', 'down')).stdout)).toMatchObject({ ok: true, unchanged: 1 })
  expect(statSync(join(world.dataDir, 'sync')).mode & 0o777).toBe(0o700)
})
