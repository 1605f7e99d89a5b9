import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { opencodeClient } from '../../src/api/opencode-client.ts'
import { CONFIG_SCHEMA, VERSION } from '../../src/api/opencode-config-schema.generated.ts'
import { secret } from '../../src/shared/secret.ts'

type Answer = (request: Request) => Response | Promise<Response>

/** Calls of a server on loopback that answers so. */
function ask(answer: Answer) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: answer })
  const options = { username: secret('user'), password: secret('word'), baseUrl: `http://127.0.0.1:${server.port}/` }
  return { client: opencodeClient(options), [Symbol.asyncDispose]: () => server.stop(true) }
}

/** Answers by path; `[]` for the rest. */
const answers =
  (bodies: Readonly<Record<string, unknown>>): Answer =>
  request =>
    Response.json(bodies[new URL(request.url).pathname] ?? [])

test('work is every session but the idle ones, what waits for a person, and terminals that run', async () => {
  await using it = ask(
    answers({
      '/session/status': { a: { type: 'busy' }, b: { type: 'idle' }, c: { type: 'retry', attempt: 1 } },
      '/permission': [{ id: 'per', metadata: {} }],
      '/question': [{ id: 'que' }],
      '/pty': [
        { id: 'on', status: 'running' },
        { id: 'off', status: 'exited' },
      ],
    }),
  )
  expect(await it.client.work('/w')).toEqual({
    sessions: ['a', 'c'],
    permissions: ['per'],
    questions: ['que'],
    terminals: ['on'],
  })
})

test('where opencode cannot begin with terminals there are none', async () => {
  let status = 500
  await using it = ask(request => {
    const { pathname } = new URL(request.url)
    if (pathname === '/pty') return Response.json({ name: 'UnknownError', data: { message: 'Unexpected' } }, { status })
    return Response.json(pathname === '/session/status' ? { a: { type: 'busy' } } : [])
  })
  expect(await it.client.work('/w')).toEqual({ sessions: ['a'], permissions: [], questions: [], terminals: [] })
  status = 502
  await expect(it.client.work('/w')).rejects.toMatchObject({ code: 'opencode_invalid_answer' })
})

test('a directory arrives as it is spelled, with the credentials', async () => {
  const seen: string[] = []
  await using it = ask(request => {
    seen.push(`${request.method} ${request.headers.get('authorization')}`)
    // As opencode does: once more than a URL has them.
    seen.push(decodeURIComponent(new URL(request.url).searchParams.get('directory') ?? ''))
    return Response.json(true)
  })
  const directory = '/w/a b;c&d=e#f%20ü'
  expect(await it.client.dispose(directory)).toBe(true)
  expect(seen).toEqual([`POST Basic ${btoa('user:word')}`, directory])
})

test('what is no answer of opencode is told apart from no answer', async () => {
  await using it = ask(request =>
    new URL(request.url).pathname === '/path' ? Response.json({ home: 1 }) : new Response('<html>', { status: 502 }),
  )
  await expect(it.client.path('/w')).rejects.toMatchObject({ code: 'opencode_invalid_answer' })
  await expect(it.client.served('/w')).rejects.toMatchObject({
    code: 'opencode_invalid_answer',
    details: { status: 502 },
  })
  expect(await it.client.isHealthy()).toBe(false)
  await it[Symbol.asyncDispose]()
  await expect(it.client.work('/w')).rejects.toMatchObject({ code: 'opencode_unreachable' })
})

test('credentials do not follow a redirect', async () => {
  let asked = 0
  await using elsewhere = ask(() => {
    asked += 1
    return Response.json(true)
  })
  await using it = ask(request => Response.redirect(request.url.replace(/:\d+/, ':1'), 307))
  await expect(it.client.dispose('/w')).rejects.toMatchObject({ code: 'opencode_invalid_answer' })
  expect(asked).toBe(0)
  expect(await elsewhere.client.dispose('/w')).toBe(true)
})

test('an opencode that boots accepts a request and never answers: that is not healthy, within the limit', async () => {
  const held = Promise.withResolvers<Response>()
  await using it = ask(() => held.promise)
  expect(await it.client.isHealthy(50)).toBe(false)
  held.resolve(new Response())
})

test('a refused config is told with its place and without its text', async () => {
  const refusals = [
    {
      name: 'ConfigJsonError',
      data: {
        path: '/w/opencode.json',
        message:
          '\n--- JSONC Input ---\n{"apiKey": "sk-1 --- Errors ---"\n--- Errors ---\nCommaExpected at line 3, column 5\n--- End ---',
      },
    },
    {
      name: 'ConfigInvalidError',
      data: {
        path: '/w/a.md',
        issues: [
          { path: ['mode'], message: 'Expected "all"' },
          { path: [], message: 'No' },
        ],
      },
    },
  ]
  const problems = [
    { path: '/w/opencode.json', line: 3, column: 5, message: 'CommaExpected' },
    { path: '/w/a.md', message: 'mode: Expected "all"; No' },
  ]
  for (const [index, refusal] of refusals.entries()) {
    await using it = ask(() => Response.json(refusal, { status: 400 }))
    const error = await it.client.work('/w').catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'opencode_config_invalid', details: { problems: [problems[index]] } })
    expect(`${error} ${JSON.stringify(error)}`).not.toContain('sk-1')
  }
})

test('the schema of a config is the one built in where opencode has its version', async () => {
  await using it = ask(answers({ '/global/health': { healthy: true, version: VERSION } }))
  expect(await it.client.configSchema()).toBe(CONFIG_SCHEMA)
})

test('the schema of a config of another opencode stands for itself', async () => {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
  let asked = 0
  await using it = ask(request => {
    if (request.url.endsWith('/global/health')) return Response.json({ healthy: true, version: '0.0.1' })
    asked += 1
    if (asked === 1) return new Response('', { status: 503 })
    const Config = { type: 'object', properties: { agent: ref('Agent') } }
    const Agent = { anyOf: [{ type: 'string' }, { type: 'array', items: ref('Agent') }] }
    return Response.json({ components: { schemas: { Config, Agent, Other: {} } } })
  })
  await expect(it.client.configSchema()).rejects.toMatchObject({ code: 'opencode_invalid_answer' })
  expect(await it.client.configSchema()).toEqual({
    $ref: '#/$defs/Config',
    $defs: {
      Config: { type: 'object', properties: { agent: { $ref: '#/$defs/Agent' } } },
      Agent: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/$defs/Agent' } }] },
    },
  })
  await it.client.configSchema()
  expect(asked).toBe(2)
})

test('events come with their directory until the stream ends, and nothing odd among them ends it', async () => {
  const lines = [
    '{"payload":{"type":"server.connected","properties":{}}}',
    'no JSON',
    '{"payload":null}',
    '{"directory":"/w","payload":{"type":"session.idle","properties":{"sessionID":"a"},"id":"evt"}}',
  ]
  await using it = ask(() => new Response(lines.map(line => `data: ${line}\n\n`).join('')))
  const received: unknown[] = []
  const all = async () => {
    for await (const event of it.client.events(new AbortController().signal)) received.push(event)
  }
  await expect(all()).rejects.toMatchObject({ code: 'opencode_unreachable' })
  expect(received).toEqual([
    { directory: undefined, type: 'server.connected', properties: {} },
    { directory: '/w', type: 'session.idle', properties: { sessionID: 'a' } },
  ])
})

test('the end of interest in events is the end of the request', async () => {
  const hungUp = Promise.withResolvers<void>()
  await using it = ask(request => {
    request.signal.addEventListener('abort', () => hungUp.resolve())
    const body = new ReadableStream({
      start: controller => controller.enqueue(new TextEncoder().encode('data: {"payload":{"type":"x"}}\n\n')),
    })
    return new Response(body)
  })
  const interest = new AbortController()
  for await (const { type } of it.client.events(interest.signal)) {
    expect(type).toBe('x')
    interest.abort()
  }
  await hungUp.promise
  for await (const _ of it.client.events(interest.signal))
    throw new Error('nothing comes of an interest that has ended')
})

test('a proxy of the user is not asked about this machine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'opencode-client-'))
  try {
    await using it = ask(answers({ '/global/health': { healthy: true } }))
    expect(await it.client.isHealthy()).toBe(true)
    const { baseUrl } = await new Promise<{ baseUrl: string }>(resolve => {
      const server = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: answers({ '/global/health': { healthy: true } }),
      })
      resolve({ baseUrl: `http://127.0.0.1:${server.port}` })
    })
    const script = join(folder, 'asks.ts')
    const client = join(import.meta.dir, '../../src/api/opencode-client.ts')
    const secrets = join(import.meta.dir, '../../src/shared/secret.ts')
    writeFileSync(
      script,
      `import { opencodeClient } from ${JSON.stringify(client)}
       import { secret } from ${JSON.stringify(secrets)}
       const options = { baseUrl: ${JSON.stringify(baseUrl)}, username: secret('u'), password: secret('p') }
       process.exit((await opencodeClient(options).isHealthy()) ? 0 : 1)`,
    )
    const child = Bun.spawn([process.execPath, script], {
      env: { ...process.env, HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1' },
    })
    expect(await child.exited).toBe(0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
