import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseServerFlags } from '../../src/server/flags.ts'
import { type Environment, resolveSettings, type ServerSettings } from '../../src/server/settings.ts'
import { temporaryFolder } from './start-server.ts'

type Given = { flags?: string[]; env?: Environment; file?: unknown }

/** The settings of a run in `<folder>/cwd` with its file in `<folder>/config`. */
async function settle({ flags = [], env = {}, file }: Given): Promise<ServerSettings & { folder: string }> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'server.json')
  if (file !== undefined) await writeFile(path, typeof file === 'string' ? file : JSON.stringify(file))
  const all = { OPENWORK_SERVER_CONFIG: path, ...env }
  return { ...(await resolveSettings(parseServerFlags(flags), all, '/cwd')), folder: folder.path }
}

const failure = (given: Given): Promise<unknown> =>
  settle(given).then(
    () => 'no failure',
    (error: unknown) => error,
  )

test('everything has a default', async () => {
  const settings = await settle({})
  expect(settings).toMatchObject({
    host: '127.0.0.1',
    port: 8787,
    approval: { mode: 'manual', timeoutMs: 30_000 },
    workspaces: [],
    authorizedRoots: [],
    corsOrigins: [],
    readOnly: false,
    logFormat: 'pretty',
    logRequests: true,
    tokenStorePath: join(settings.folder, 'tokens.json'),
  })
  expect([settings.clientToken.source, settings.hostToken.source]).toEqual(['generated', 'generated'])
  expect(settings.clientToken.value.reveal()).not.toBe(settings.hostToken.value.reveal())
  expect((await resolveSettings(parseServerFlags(['--config', '/none']), {}, '/cwd')).configPath).toBe('/none')
  expect((await settle({ env: { OPENWORK_SERVER_CONFIG: ' ' } })).configPath).toBe(
    join(homedir(), '.config', 'openwork', 'server.json'),
  )
})

test('a flag beats the environment, which beats the file', async () => {
  const file = { host: '0.0.0.1', port: 1, token: 'of-file', approval: { mode: 'auto', timeoutMs: 5 }, readOnly: true }
  const env = { OPENWORK_HOST: '0.0.0.2', OPENWORK_PORT: '2', OPENWORK_TOKEN: 'of-env', OPENWORK_READONLY: 'no' }
  const flags = ['--host', '0.0.0.3', '--port', '3', '--token', 'of-flag', '--approval', 'manual', '--read-only']
  expect(await settle({ file })).toMatchObject({
    host: '0.0.0.1',
    port: 1,
    clientToken: { source: 'file' },
    approval: { mode: 'auto', timeoutMs: 5 },
    readOnly: true,
  })
  expect(await settle({ file, env })).toMatchObject({
    host: '0.0.0.2',
    port: 2,
    clientToken: { source: 'env' },
    readOnly: false,
  })
  expect(await settle({ file, env, flags })).toMatchObject({
    host: '0.0.0.3',
    port: 3,
    clientToken: { source: 'cli' },
    approval: { mode: 'manual', timeoutMs: 5 },
    readOnly: true,
  })
})

test('workspaces of flags replace those of the environment, and those the file’s', async () => {
  const file = { workspaces: [{ path: 'from-file' }, { path: '/absolute', name: 'Named', id: 'mine' }] }
  const ofFile = await settle({ file })
  expect(ofFile.workspaces.map(({ path, name }) => [path, name])).toEqual([
    [join(ofFile.folder, 'from-file'), 'from-file'],
    ['/absolute', 'Named'],
  ])
  expect(ofFile.workspaces[1]?.id).toBe('mine')
  const env = { OPENWORK_WORKSPACES: 'a;b,/c' }
  expect((await settle({ file, env })).workspaces.map(({ path }) => path)).toEqual(['/cwd/a', '/cwd/b', '/c'])
  const json = { OPENWORK_WORKSPACES: '["with, comma"]' }
  expect((await settle({ file, env: json })).workspaces.map(({ path }) => path)).toEqual(['/cwd/with, comma'])
  const flags = ['--workspace', 'x', '--workspace', 'y', '--workspace', './x']
  expect((await settle({ file, env, flags })).workspaces.map(({ path }) => path)).toEqual(['/cwd/x', '/cwd/y'])
})

test('workspace ids are those of the published protocol', async () => {
  const file = {
    workspaces: [
      { path: '/home/me/project' },
      { workspaceType: 'remote', baseUrl: 'http://h:1', directory: '/d' },
      { workspaceType: 'remote', remoteType: 'openwork', openworkHostUrl: 'http://h:2', openworkWorkspaceId: 'ws_9' },
    ],
  }
  const idOf = (text: string): string => `ws_${Bun.SHA256.hash(text, 'hex').slice(0, 12)}`
  expect((await settle({ file })).workspaces.map(({ id }) => id)).toEqual([
    idOf('/home/me/project'),
    idOf('remote::http://h:1::/d'),
    idOf('openwork::http://h:2::ws_9'),
  ])
})

test('opencode settings fill what a workspace does not say; the folder only when there is one workspace', async () => {
  const flags = ['--opencode-base-url', 'http://127.0.0.1:4096', '--opencode-directory', '/elsewhere']
  const env = { OPENWORK_OPENCODE_USERNAME: 'me', OPENWORK_OPENCODE_PASSWORD: 'pw' }
  const one = await settle({ flags: [...flags, '--workspace', '/a'], env })
  expect(one.workspaces[0]?.opencode).toEqual({
    baseUrl: 'http://127.0.0.1:4096',
    directory: '/elsewhere',
    username: 'me',
    password: 'pw',
  })
  const two = await settle({ flags: [...flags, '--workspace', '/a', '--workspace', '/b'], env })
  expect(two.workspaces.map(({ opencode }) => opencode?.directory)).toEqual(['/a', '/b'])
})

test('authorized roots are the file’s, else the workspaces', async () => {
  const file = { authorizedRoots: ['roots', '/other'] }
  const settings = await settle({ file, flags: ['--workspace', '/a'] })
  expect(settings.authorizedRoots).toEqual([join(settings.folder, 'roots'), '/other'])
  expect((await settle({ flags: ['--workspace', '/a'] })).authorizedRoots).toEqual(['/a'])
})

test('flags of other versions and stray words are named and ignored', () => {
  const { ignored, values } = parseServerFlags(['serve', '--opencode-router-health-port', '3005', '--port', '7', '-x'])
  expect(ignored).toEqual(['serve', '--opencode-router-health-port', '-x'])
  expect(values.port).toEqual(['7'])
})

test('the inbox limit is a positive number up to 250 MB', async () => {
  const limitOf = async (text: string) => (await settle({ env: { OPENWORK_INBOX_MAX_BYTES: text } })).inboxMaxBytes
  expect(await Promise.all(['', '-5', 'many', '1000', '9e9'].map(limitOf))).toEqual([5e7, 5e7, 5e7, 1000, 2.5e8])
})

test('request logs can be switched off and on by flag and environment', async () => {
  expect((await settle({ flags: ['--no-log-requests'] })).logRequests).toBe(false)
  expect((await settle({ env: { OPENWORK_LOG_REQUESTS: '0' } })).logRequests).toBe(false)
  expect((await settle({ env: { OPENWORK_LOG_REQUESTS: 'off' }, flags: ['--log-requests'] })).logRequests).toBe(true)
})

test('a value of the wrong kind is refused, naming where it was given and what is allowed', async () => {
  const cases: [Given, string][] = [
    [{ flags: ['--port', 'abc'] }, '--port: "abc" is not a whole number from 0 to 65535'],
    [{ flags: ['--port', '65536'] }, '--port: "65536" is not'],
    [{ flags: ['--port=-1'] }, '--port: "-1" is not'],
    [{ env: { OPENWORK_PORT: '80.5' } }, 'OPENWORK_PORT: "80.5" is not'],
    [{ flags: ['--approval', 'maybe'] }, '--approval: "maybe" is not manual or auto'],
    [{ env: { OPENWORK_APPROVAL_TIMEOUT_MS: '0' } }, 'OPENWORK_APPROVAL_TIMEOUT_MS: "0" is not'],
    [{ flags: ['--log-format', 'xml'] }, '--log-format: "xml" is not pretty or text or human or json'],
    [{ flags: ['--opencode-base-url', 'localhost:4096'] }, '"localhost:4096" is not an http or https URL'],
    [{ env: { OPENWORK_READONLY: 'ture' } }, 'OPENWORK_READONLY: "ture" is not 1, true'],
    [{ env: { OPENWORK_CORS_ORIGINS: '[1]' } }, 'OPENWORK_CORS_ORIGINS: "[1]" is not a JSON array'],
  ]
  for (const [given, message] of cases) {
    const error = await failure(given)
    expect(error).toMatchObject({ code: 'invalid_value', exitCode: 2 })
    expect(String(error)).toContain(message)
  }
})

test('a broken settings file is refused with file and place', async () => {
  const cases: [unknown, RegExp][] = [
    ['{\n  "port": 80,,\n}', /server\.json:2:14: not JSON/],
    ['{"port": 1} trailing', /server\.json:1:13: not JSON/],
    [{ port: '80' }, /server\.json: port: /],
    [{ approval: { mode: 'never' } }, /server\.json: approval\.mode: /],
    [{ workspaces: [{ path: 1 }] }, /server\.json: workspaces\[0\]\.path: /],
    [{ workspaces: [{ name: 'no path' }] }, /has no path: "no path"/],
    [[], /server\.json: content: /],
  ]
  for (const [file, message] of cases) {
    const error = await failure({ file })
    expect(error).toMatchObject({ code: 'invalid_config', exitCode: 2 })
    expect(String(error)).toMatch(message)
  }
})

test('an empty settings file and keys of other programs are no error', async () => {
  expect((await settle({ file: '' })).port).toBe(8787)
  expect((await settle({ file: { port: 9, somethingElse: true } })).port).toBe(9)
})

test('the router and the orchestrator are known when their variables say so', async () => {
  const control = { OPENWORK_CONTROL_BASE_URL: 'http://127.0.0.1:9', OPENWORK_CONTROL_TOKEN: 'control-token' }
  expect(await settle({ env: { ...control, OPENCODE_ROUTER_HEALTH_PORT: '3005' } })).toMatchObject({
    routerPort: 3005,
    control: { baseUrl: 'http://127.0.0.1:9' },
  })
  const half = { OPENWORK_CONTROL_BASE_URL: 'http://127.0.0.1:9', OPENCODE_ROUTER_HEALTH_PORT: '0' }
  expect(await settle({ env: half })).toMatchObject({ routerPort: undefined, control: undefined })
  for (const env of [
    { OPENCODE_ROUTER_HEALTH_PORT: '65536' },
    { OPENCODE_ROUTER_HEALTH_PORT: 'abc' },
    { ...control, OPENWORK_CONTROL_BASE_URL: 'ftp://127.0.0.1' },
  ])
    expect(await failure({ env })).toMatchObject({ code: 'invalid_value' })
})
