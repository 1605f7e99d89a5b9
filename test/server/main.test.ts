import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import { EXECUTABLE } from './executable.ts'
import { asClient, asHost, CLIENT_TOKEN, HOST_TOKEN, temporaryFolder } from './start-server.ts'
import { codeOf } from './upstream.ts'

const PROGRAM =
  EXECUTABLE === undefined
    ? [process.execPath, join(import.meta.dir, '../../src/bin/openwork.ts'), 'openwork-server']
    : [EXECUTABLE]

/** openwork-server as a process of its own, killed with `await using` if it still runs. */
function run(args: string[], options: { env?: Record<string, string>; cwd?: string; stdin?: 'pipe' } = {}) {
  const child = Bun.spawn([...PROGRAM, ...args], {
    cwd: options.cwd ?? import.meta.dir,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      OPENWORK_TOKEN: CLIENT_TOKEN,
      OPENWORK_HOST_TOKEN: HOST_TOKEN,
      ...options.env,
    },
    stdin: options.stdin ?? 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const stdout = lines(child.stdout)
  const stderr = lines(child.stderr)
  return {
    child,
    stdout,
    stderr,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

/** A child's output, to wait for a line or for its end. */
function lines(stream: ReadableStream<Uint8Array>) {
  let text = ''
  const waiting = new Set<() => void>()
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true })
      for (const check of waiting) check()
    }
  })()
  return {
    all: async (): Promise<string> => {
      await ended
      return text
    },
    match: (pattern: RegExp): Promise<string> =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const [, found] = pattern.exec(text) ?? []
          if (found === undefined) return
          waiting.delete(check)
          resolve(found)
        }
        waiting.add(check)
        check()
        void ended.then(() => reject(new Error(`ended without ${pattern}: ${text}`)))
      }),
  }
}

const LISTENING = /listening on (\S+)"?/

async function startedIn(folder: string, args: string[] = [], env: Record<string, string> = {}) {
  const started = run(['--port', '0', '--workspace', 'project', ...args], {
    cwd: folder,
    env: { OPENWORK_SERVER_CONFIG: join(folder, 'server.json'), ...env },
  })
  return { ...started, url: await started.stdout.match(LISTENING) }
}

test('--version and --help answer on stdout and end', async () => {
  await using version = run(['--version'])
  expect([await version.child.exited, await version.stdout.all()]).toEqual([0, `${VERSION}\n`])
  await using help = run(['--help', '--port', 'nonsense'])
  expect(await help.child.exited).toBe(0)
  expect(await help.stdout.all()).toContain('--opencode-base-url <url>')
})

for (const [what, args, env, message] of [
  [
    'port',
    ['--port', 'abc'],
    {},
    'openwork-server: invalid_value: --port: "abc" is not a whole number from 0 to 65535\n',
  ],
  ['mode', [], { OPENWORK_APPROVAL_MODE: 'x' }, 'invalid_value: OPENWORK_APPROVAL_MODE: "x" is not manual or auto\n'],
] as const)
  test(`a bad ${what} is one line and exit code 2`, async () => {
    await using server = run([...args], { env })
    expect(await server.child.exited).toBe(2)
    const stderr = await server.stderr.all()
    expect(stderr).toContain(message)
    expect(stderr.split('\n')).toHaveLength(2)
  })

test('a broken settings file is one line with its place and exit code 2', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'server.json')
  await writeFile(path, '{"port": }')
  await using server = run(['--config', path])
  expect(await server.child.exited).toBe(2)
  expect(await server.stderr.all()).toStartWith(`openwork-server: invalid_config: ${path}:1:10: not JSON`)
})

test('what it does not know is named on stderr and does not stop it', async () => {
  await using folder = await temporaryFolder()
  await using server = await startedIn(folder.path, ['--opencode-router-health-port', '3005', 'serve'])
  server.child.kill('SIGTERM')
  expect(await server.child.exited).toBe(0)
  expect(await server.stderr.all()).toBe('openwork-server: ignored: serve --opencode-router-health-port\n')
})

test('a busy port, a foreign address and an unknown name are one line naming host and port', async () => {
  await using folder = await temporaryFolder()
  await using first = await startedIn(folder.path)
  const { port } = new URL(first.url)
  const refused = async (args: string[]): Promise<{ code: number; stderr: string }> => {
    await using server = run(args)
    return { code: await server.child.exited, stderr: await server.stderr.all() }
  }
  const busy = await refused(['--port', port])
  expect(busy.code).toBe(3)
  expect(busy.stderr).toStartWith(`openwork-server: port_in_use: Cannot listen on 127.0.0.1:${port}: `)
  expect(busy.stderr.split('\n')).toHaveLength(2)
  const foreign = await refused(['--port', '0', '--host', '192.0.2.1'])
  expect([foreign.code, foreign.stderr]).toEqual([3, expect.stringContaining('address_not_available')])
  const unknown = await refused(['--port', '0', '--host', 'no-such-name.invalid'])
  expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('no such host name')])
})

test('start says what it serves; tokens it made up are shown once, given ones never', async () => {
  await using folder = await temporaryFolder()
  await using server = await startedIn(folder.path, ['--verbose'], { OPENWORK_HOST_TOKEN: '' })
  const hostToken = await server.stdout.match(/Host token: (\S+)/)
  const headers = { 'x-openwork-host-token': hostToken }
  expect((await fetch(`${server.url}/tokens`, { headers })).status).toBe(200)
  server.child.kill('SIGTERM')
  const out = await server.stdout.all()
  expect(out).toContain('Workspaces: 1\n')
  expect(out).toContain('Approvals: manual, 30000ms\n')
  expect(out).not.toContain(CLIENT_TOKEN)
  expect(out.split(hostToken)).toHaveLength(2)
})

test('request records are JSON with one run id, resource attributes and no query', async () => {
  await using folder = await temporaryFolder()
  await using server = await startedIn(folder.path, ['--log-format', 'json'], {
    OPENWORK_RUN_ID: 'run-7',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test,service.name=other',
  })
  const url = server.url.replace(/".*/, '')
  await fetch(`${url}/whoami?token=secret-in-query`, { headers: asClient })
  await fetch(`${url}/nope`)
  server.child.kill('SIGTERM')
  const out = await server.stdout.all()
  expect(out).not.toContain('secret-in-query')
  const records = out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  for (const { attributes, resource } of records) {
    expect(attributes['run.id']).toBe('run-7')
    expect(resource).toMatchObject({
      'service.name': 'openwork-server',
      'service.version': VERSION,
      'service.instance.id': 'run-7',
      'deployment.environment': 'test',
    })
  }
  const requests = records.filter(({ attributes }) => attributes.path)
  expect(
    requests.map(({ severityText, attributes }) => [
      severityText,
      attributes.method,
      attributes.path,
      attributes.status,
      attributes.auth,
    ]),
  ).toEqual([
    ['INFO', 'GET', '/whoami', 200, 'client'],
    ['WARN', 'GET', '/nope', 404, 'none'],
  ])
})

test('request logs can be switched off', async () => {
  await using folder = await temporaryFolder()
  await using server = await startedIn(folder.path, ['--no-log-requests'])
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  server.child.kill('SIGTERM')
  expect(await server.stdout.all()).not.toContain('/health')
})

test('SIGTERM and SIGINT end it with 0 although a client keeps its connection', async () => {
  await using folder = await temporaryFolder()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await using server = await startedIn(folder.path)
    const { hostname, port } = new URL(server.url)
    const closed = Promise.withResolvers<void>()
    const socket = connect(Number(port), hostname).on('close', () => closed.resolve())
    socket.write(`GET /health HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
    await new Promise(resolve => socket.once('data', resolve))
    server.child.kill(signal)
    expect(await server.child.exited).toBe(0)
    await closed.promise
    expect(await server.stdout.all()).toContain(`Stopping: ${signal}\n`)
  }
})

/** An opencode that sends one event on `/event` and never answers a prompt. */
function startEngine() {
  const prompted = Promise.withResolvers<void>()
  const engine = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch(request) {
      if (request.method === 'POST') {
        prompted.resolve()
        return new Promise<Response>(() => {})
      }
      if (!request.url.endsWith('/event')) return Response.json({})
      const body = new ReadableStream({ start: controller => controller.enqueue('data: 1\n\n') })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    },
  })
  return {
    url: `http://127.0.0.1:${engine.port}`,
    prompted: prompted.promise,
    [Symbol.asyncDispose]: () => engine.stop(true),
  }
}

test('a stop ends event streams properly', async () => {
  await using folder = await temporaryFolder()
  await using engine = startEngine()
  await using server = await startedIn(folder.path, ['--opencode-base-url', engine.url])
  const events = await fetch(`${server.url}/opencode/event`, { headers: asClient })
  const chunks = events.body?.getReader()
  await chunks?.read()
  server.child.kill('SIGTERM')
  expect(await chunks?.read()).toMatchObject({ done: true }) // an end, not a broken connection
  expect(await server.child.exited).toBe(0)
})

test('a stop does not wait for a prompt: whoever asked is told at once', async () => {
  await using folder = await temporaryFolder()
  await using engine = startEngine()
  await using server = await startedIn(folder.path, ['--opencode-base-url', engine.url])
  const prompt = fetch(`${server.url}/opencode/session/s/message`, { method: 'POST', headers: asHost, body: '{}' })
  await engine.prompted
  server.child.kill('SIGTERM')
  const answer = await prompt
  expect([answer.status, await codeOf(answer)]).toEqual([503, 'opencode_unreachable'])
  expect(await server.child.exited).toBe(0)
})

test('a stop gives a request that is still being sent a moment, and a second signal none', async () => {
  await using folder = await temporaryFolder()
  for (const signals of [1, 2]) {
    await using server = await startedIn(folder.path)
    const endless = new ReadableStream({ start: body => body.enqueue(new TextEncoder().encode('{')) })
    const upload = fetch(`${server.url}/tokens`, { method: 'POST', headers: asHost, body: endless }).catch(() => 'cut')
    await Bun.sleep(0)
    await fetch(`${server.url}/health`) // by now the other one has arrived as well
    server.child.kill('SIGTERM')
    await server.stdout.match(/Stopping: (\S+)/)
    if (signals === 2) server.child.kill('SIGTERM')
    expect(await server.child.exited).toBe(signals === 2 ? 143 : 0)
    expect(await upload).toBe('cut')
  }
})

test('it ends when the pipe of its parent closes, if told to watch it', async () => {
  await using folder = await temporaryFolder()
  await using server = run(['--port', '0'], {
    stdin: 'pipe',
    env: { OPENWORK_PARENT_WATCH: 'stdin', OPENWORK_SERVER_CONFIG: join(folder.path, 'server.json') },
  })
  await server.stdout.match(LISTENING)
  await server.child.stdin?.end()
  expect(await server.child.exited).toBe(0)
  expect(await server.stdout.all()).toContain('Stopping: the parent process is gone')
})

test('it outlives the reader of its log', async () => {
  await using folder = await temporaryFolder()
  const stderr = join(folder.path, 'stderr')
  const script = `"$@" --port 0 2>"$0" | { read -r line; exec <&-; echo "$line"; }; cat "$0"`
  await using shell = Bun.spawn(['sh', '-c', script, stderr, ...PROGRAM], {
    env: {
      PATH: process.env.PATH,
      OPENWORK_SERVER_CONFIG: join(folder.path, 'server.json'),
      OPENWORK_HOST_TOKEN: HOST_TOKEN,
      OPENWORK_PARENT_WATCH: 'stdin',
    },
    stdin: 'pipe',
    stdout: 'pipe',
  })
  const stdout = lines(shell.stdout)
  const url = await stdout.match(LISTENING)
  for (let n = 0; n < 100; n += 1) expect((await fetch(`${url}/health`)).status).toBe(200) // several writes
  await shell.stdin.end()
  expect(await shell.exited).toBe(0)
  expect(await stdout.all()).toBe(`OpenWork server listening on ${url}\n`) // and nothing on stderr
})
