import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseTar } from 'nanotar'
import { machineId, startTimeOf } from '../../src/supervisor/process-identity.ts'
import { makePipe } from '../fixtures/pipe.ts'
import { type Ran, runCommand } from './commands/run-command.ts'

/** Everywhere that a secret may be, one of its own. */
const SECRETS = {
  envToken: 'env-token-0f1e2d3c4b5a',
  envKey: 'plainlooking/env+key==42',
  proxyPassword: 'proxy-pass-99887766',
  clientToken: 'client-token-11223344556677',
  hostToken: 'host-token-778899aabbcc',
  daemonToken: 'd'.repeat(32) + '0123456789abcdef'.repeat(2),
  controlToken: 'control-token-deadbeef01',
  opencodePassword: 'opencode-password-c0ffee',
  opencodeUsername: 'opencode-username-facade00',
  remotePassword: 'remote pässword "quoted" & more',
  tokenHash: '9f'.repeat(32),
  authKey: 'sk_live_opencode_auth_key',
  authRefresh: 'refresh.me.some.day.soon',
  devAuthKey: 'auth-key-of-the-dev-state',
  userConfigToken: 'token-in-the-user-config',
  headerToken: 'header-value-of-an-mcp-server',
  mcpEnvironment: 'environment-of-an-mcp-server',
  mcpArgument: 'argument-of-an-mcp-server',
  commentSecret: 'said-in-a-comment-only',
  dotEnv: 'kept-in-the-dot-env-file',
  serverConfigToken: 'token-in-server-json',
  fileContent: 'what-only-the-target-of-a-link-says',
  flagToken: 'flag-token-of-a-running-host',
  hostOnlyToken: 'token-that-only-the-running-host-knows',
  snapshotTitle: 'title-of-a-private-session',
  pairingCode: 'pairing-code-abcdefgh',
} as const

const forms = (secret: string): string[] => {
  const bytes = Buffer.from(secret)
  const base64 = bytes.toString('base64').replace(/=+$/, '')
  const basic = Buffer.from(`opencode:${secret}`).toString('base64').replace(/=+$/, '')
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    base64,
    bytes.toString('base64url'),
    basic,
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
  ]
}

const folder = mkdtempSync(join(tmpdir(), 'openwork-bundle-test-'))
const dataDir = join(folder, 'data')
const workspace = join(folder, 'workspace')
const env = {
  PATH: process.env.PATH ?? '',
  HOME: folder,
  OPENWORK_DATA_DIR: dataDir,
  OPENWORK_HOST_TOKEN: SECRETS.envToken,
  ANTHROPIC_API_KEY: SECRETS.envKey,
  HTTPS_PROXY: `http://me:${SECRETS.proxyPassword}@proxy.test:8080`,
  NO_PROXY: 'localhost,127.0.0.1',
  LANG: 'C.UTF-8',
}
const entries = new Map<string, string>()
let ran: Ran
let all: string
let host: ReturnType<typeof Bun.serve>
let flagged: ReturnType<typeof Bun.spawn>

function put(path: string, content: string | object, mode = 0o600): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode })
  return file
}

beforeAll(async () => {
  mkdirSync(dataDir, { mode: 0o700 })
  host = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${SECRETS.controlToken}`)
        return new Response('', { status: 401 })
      if (request.url.endsWith('/host/credentials'))
        return Response.json({ clientToken: SECRETS.hostOnlyToken, opencodePassword: SECRETS.opencodePassword })
      const sessions = [{ id: 's', title: SECRETS.snapshotTitle }]
      return Response.json({ version: '9.9.9-of-the-host', sessions, approvals: [], note: SECRETS.hostOnlyToken })
    },
  })
  flagged = Bun.spawn(['sh', '-c', 'read line', 'x', '--token', SECRETS.flagToken], { stdin: 'pipe' })
  const startTime = (await startTimeOf(process.pid)) ?? null
  const baseUrl = `http://127.0.0.1:${host.port}`
  put('data/runs/run-1.json', {
    version: 1,
    runId: 'run-1',
    nonce: '0123456789abcdef'.repeat(2),
    machine: machineId(),
    owner: { pid: process.pid, startTime },
    startedAtMs: 1,
    info: {
      workspace,
      serves: 'one',
      control: { baseUrl, token: SECRETS.controlToken },
      openwork: { baseUrl, connectUrl: `${baseUrl}/` },
      opencode: { baseUrl, username: SECRETS.opencodeUsername, password: SECRETS.opencodePassword },
    },
    processes: [{ service: 'flagged', pid: flagged.pid, startTime: null, group: flagged.pid, marker: 'm' }],
  })
  put('data/workspaces/ws-1/credentials.json', { token: SECRETS.clientToken, hostToken: SECRETS.hostToken })
  put('data/workspaces/ws-1/tokens.json', { tokens: [{ id: 'phone', hash: SECRETS.tokenHash }] })
  put('data/workspaces/ws-1/openwork-server/server.json', { port: 1, token: SECRETS.serverConfigToken })
  put('data/daemon/token', `${SECRETS.daemonToken}\n`)
  put('data/daemon/remote-credentials.json', { a: { username: 'me', password: SECRETS.remotePassword } })
  put('data/openwork-dev-data/xdg/data/opencode/auth.json', { x: { type: 'api', key: SECRETS.devAuthKey } })
  put('.local/share/opencode/auth.json', {
    anthropic: { type: 'oauth', refresh: SECRETS.authRefresh, access: SECRETS.authKey },
  })
  put(
    '.config/openwork/config.json',
    `{ // ${SECRETS.commentSecret}\n "hostToken": "${SECRETS.userConfigToken}", "logFormat": "json" }`,
  )
  put('workspace/.env', `export SOME_SECRET='${SECRETS.dotEnv}'\n`)
  put('workspace/opencode.jsonc', {
    model: 'a-model-to-see',
    mcp: {
      a: { headers: { any: SECRETS.headerToken }, environment: { ANY: SECRETS.mcpEnvironment } },
      b: { command: ['x', '--api-key', SECRETS.mcpArgument] },
    },
  })
  const said = Object.values(SECRETS).filter(
    secret =>
      secret !== SECRETS.commentSecret &&
      secret !== SECRETS.fileContent &&
      secret !== SECRETS.snapshotTitle &&
      secret !== SECRETS.pairingCode,
  )
  const lines = said.flatMap((secret, at) => [
    ...forms(secret).map(form => `line ${at} says ${form} and goes on`),
    JSON.stringify({
      level: 'info',
      body: `record ${at}: ${secret}`,
      attributes: { url: `http://x/?q=${encodeURIComponent(secret)}` },
    }),
  ])
  const paired = `open http://box:8787/pair#code=${SECRETS.pairingCode}`
  put('data/logs/run-1.log', `${lines.join('\n')}\n${paired}\nthe last line\n`)
  put('data/daemon/daemon.log.1', lines.join('\n'))
  put(`data/logs/named-${SECRETS.clientToken}.txt`, '')

  // What must neither be waited for nor followed.
  const outside = put('outside.log', SECRETS.fileContent)
  symlinkSync(outside, join(dataDir, 'logs', 'link.log'))
  symlinkSync('/etc/shadow', join(dataDir, 'logs', 'shadow.log'))
  symlinkSync(dirname(outside), join(dataDir, 'daemon', 'link'))
  symlinkSync(put('elsewhere.json', { anything: SECRETS.fileContent }), join(workspace, 'opencode.json'))
  for (const path of ['data/logs/fifo.log', 'data/runs/fifo.json', 'workspace/openwork.json'])
    await makePipe(join(folder, path))
  truncateSync(put('data/logs/huge.log', ''), 64 * 1024 ** 3)
  chmodSync(put('data/logs/closed.log', 'closed'), 0)

  ran = await runCommand(['support-bundle', '--offline', '--json', '--output', 'bundle.tar.gz'], env, folder)
  const tar = gunzipSync(readFileSync(join(folder, 'bundle.tar.gz')))
  all = tar.toString('latin1')
  for (const { name, text } of parseTar(new Uint8Array(tar))) entries.set(name.replace('openwork-support/', ''), text)
})

afterAll(async () => {
  flagged.kill()
  await host.stop(true)
  rmSync(folder, { recursive: true, force: true })
})

test.each(Object.entries(SECRETS))('%s is nowhere in the archive', (_, secret) => {
  const places = [all, Buffer.from(ran.stdout + ran.stderr).toString('latin1')]
  const isFound = (form: string): boolean => places.some(place => place.includes(Buffer.from(form).toString('latin1')))
  expect(forms(secret).filter(isFound)).toEqual([])
})

test('what helps is in it', () => {
  expect(ran.code).toBe(0)
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true, path: join(folder, 'bundle.tar.gz') })
  expect(entries.get('logs/run-1.log')).toEndWith('\nthe last line\n')
  expect(entries.get('hosts/run-1.json')).toContain('9.9.9-of-the-host')
  expect(JSON.parse(entries.get('config/workspace-1/opencode.jsonc') ?? '')).toMatchObject({ model: 'a-model-to-see' })
  expect(JSON.parse(entries.get('config/openwork.json') ?? '')).toEqual({ hostToken: '[REDACTED]', logFormat: 'json' })
  expect(JSON.parse(entries.get('doctor.json') ?? '').checks).toBeArray()
  expect(entries.get('environment.txt')).toContain('LANG=C.UTF-8\n')
  expect(entries.get('environment.txt')).toContain('ANTHROPIC_API_KEY (its value is left out)\n')
  expect(entries.get('files.txt')).toContain('"workspaces/ws-1/credentials.json"')
  expect(JSON.parse(entries.get('processes.json') ?? '')).toMatchObject([{ runId: 'run-1', alive: true }])
})

test('what names this machine for ever is not in it', () => {
  if (machineId() === '') return // only Linux has one that we read
  expect(all).not.toContain(machineId())
})

test('its manifest says what is there and what was left out', () => {
  const manifest = entries.get('MANIFEST.txt') ?? ''
  for (const name of entries.keys()) if (name !== 'MANIFEST.txt') expect(manifest).toContain(`  ${name} (`)
  expect(manifest).toContain('Look at it before you send it.')
  expect(manifest).toContain('data-dir/logs/fifo.log: it is no plain file')
  expect(manifest).toContain('data-dir/logs/link.log: it is no plain file')
})

test('it is for its owner alone, and never replaces a file', async () => {
  const path = join(folder, 'bundle.tar.gz')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const before = readFileSync(path)
  const again = await runCommand(['support-bundle', '--offline', '--json', '--output', path], env, folder)
  expect(again.code).toBe(3)
  expect(JSON.parse(again.stdout)).toMatchObject({ code: 'support_bundle_failed' })
  expect(readFileSync(path).equals(before)).toBe(true)
})
