import { expect, test } from 'bun:test'
import { openworkServerService } from '../../src/services/openwork-server.ts'
import { reveal, secret } from '../../src/shared/secret.ts'

const spec = openworkServerService({
  argv: ['openwork-server'],
  workspace: undefined,
  cwd: '/',
  host: '127.0.0.1',
  port: 1,
  token: secret('client'),
  hostToken: secret('host'),
  approval: { mode: 'manual', timeoutMs: 1 },
  readOnly: false,
  cors: [],
  allowedHosts: [],
  opencode: { baseUrl: 'http://127.0.0.1:2', username: secret('u'), password: secret('p') },
  control: { baseUrl: 'http://127.0.0.1:3', token: secret('control') },
  env: { PATH: process.env.PATH },
  stateDir: '/state',
  tokenStore: '/state/tokens.json',
  configFile: '/state/server.json',
  runRecord: '/state/run.json',
  runId: 'run',
  logFormat: 'pretty',
  readyWithinMs: 1,
})

/** Opens 300 streams that never end, and one more request. */
const PROGRAM = `
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) => url.endsWith('/last')
      ? new Response('answered')
      : new Response(new ReadableStream({ start: controller => controller.enqueue('x') })),
  })
  for (let n = 0; n < 300; n += 1) fetch(server.url)
  const last = await fetch(new URL('/last', server.url), { signal: AbortSignal.timeout(10_000) })
  console.log(await last.text())
  process.exit(0)
`

test('hundreds of clients may listen to opencode through one server, and the next one is answered', async () => {
  const env = Object.fromEntries(Object.entries(spec.env ?? {}).map(([name, value]) => [name, reveal(value)]))
  await using child = Bun.spawn([process.execPath, '-e', PROGRAM], { env, stdout: 'pipe', stderr: 'pipe' })
  expect([await child.stdout.text(), await child.stderr.text()]).toEqual(['answered\n', ''])
})
