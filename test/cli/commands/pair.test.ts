import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { issuedToken } from '../../../src/api/tokens.ts'
import { asHost, startServer } from '../../server/start-server.ts'
import { hostEnv, runCommand } from './run-command.ts'

const MAIN = join(import.meta.dir, '..', '..', '..', 'src', 'bin', 'openwork.ts')

test('pair shows address, code and a QR code of the link, whose code stays in the fragment', async () => {
  await using server = await startServer()
  const { code, stdout } = await runCommand(['pair', '--ttl', '60', '--scope', 'viewer'], hostEnv(server))
  expect(code).toBe(0)
  expect(stdout).toMatch(/[█▀▄]{10}/)
  const [, shown = ''] = /^Code {5}(\S+) {2}\(once, until \d\d:\d\d\)$/m.exec(stdout) ?? []
  const [, link = ''] = /^Link {5}(\S+)$/m.exec(stdout) ?? []
  expect(link).toBe(`${server.url}/#pair=${shown}`)
  expect(stdout).toContain('start the host with --remote-access')
  expect(new URL(link).hash).toBe(`#pair=${shown}`)
  const claim = await server.post('/pairings/claim', {}, { code: shown })
  expect(issuedToken.parse(await claim.json())).toMatchObject({ scope: 'viewer', kind: 'device' })
})

test('pair --json prints one document with everything a program needs', async () => {
  await using server = await startServer()
  const argv = ['pair', '--json', '--label', 'tablet', '--token-ttl', '60']
  const document = JSON.parse((await runCommand(argv, hostEnv(server))).stdout)
  expect(document).toMatchObject({ status: 'open', scope: 'collaborator', label: 'tablet', connectUrl: server.url })
  expect(document.url).toBe(`${server.url}/#pair=${document.code}`)
  const claim = await server.post('/pairings/claim', {}, { code: document.code })
  const device = issuedToken.parse(await claim.json())
  expect((device.expiresAt ?? 0) - device.createdAt).toBe(60_000)
})

test('what is out of range is refused before the server is asked', async () => {
  const { code, stderr } = await runCommand(['pair', '--ttl', '0'], { OPENWORK_URL: 'http://127.0.0.1:1' })
  expect([code, stderr]).toEqual([
    2,
    'openwork: --ttl: expected a whole number, from 1 to 86400, in seconds, got "0"\n',
  ])
})

/** `openwork pair --wait` as a process of its own, and the code it shows. */
async function startWaiting(server: { url: string; folder: string }) {
  const child = Bun.spawn([process.execPath, MAIN, 'pair', '--wait'], {
    env: { ...hostEnv(server), HOME: server.folder, PATH: process.env.PATH },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of child.stderr.values({ preventCancel: true })) {
    text += decoder.decode(chunk, { stream: true })
    if (text.includes('Waiting for the device')) break
  }
  const [, code = ''] = /^Code {5}(\S+)/m.exec(text) ?? []
  return {
    child,
    code,
    stdout: () => child.stdout.text(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

test('pair --wait ends when the code is used, and says by whom', async () => {
  await using server = await startServer()
  await using waiting = await startWaiting(server)
  const claim = await server.post('/pairings/claim', {}, { code: waiting.code, label: 'Ada’s phone' })
  const { id } = issuedToken.parse(await claim.json())
  expect(await waiting.child.exited).toBe(0)
  expect(await waiting.stdout()).toBe(`Paired: Ada’s phone (collaborator, token ${id})\n`)
})

test('Ctrl+C cancels the code that was waited for', async () => {
  await using server = await startServer()
  await using waiting = await startWaiting(server)
  waiting.child.kill('SIGINT')
  expect(await waiting.child.exited).toBe(130)
  expect((await server.post('/pairings/claim', {}, { code: waiting.code })).status).toBe(404)
  expect((await server.json('/pairings', { headers: asHost })).body).toEqual({ items: [] })
})

test('whoever leaves when the code has just been used is told of the device', async () => {
  await using server = await startServer()
  await using waiting = await startWaiting(server)
  const claim = await server.post('/pairings/claim', {}, { code: waiting.code })
  const { id } = issuedToken.parse(await claim.json())
  waiting.child.kill('SIGINT')
  expect(await waiting.child.exited).toBe(0)
  expect(await waiting.stdout()).toBe(`Paired: a device without a name (collaborator, token ${id})\n`)
})

test('pair --wait fails when the code is cancelled elsewhere', async () => {
  await using server = await startServer()
  await using waiting = await startWaiting(server)
  const { body } = await server.json('/pairings', { headers: asHost })
  const [pairing] = (body as { items: { id: string }[] }).items
  await server.call(`/pairings/${pairing?.id}`, { method: 'DELETE', headers: asHost })
  expect(await waiting.child.exited).toBe(1)
})
