import { describe, expect, test } from 'bun:test'
import { kill, newMoodyWorld, newWorld, OPENWORK, type World } from './harness.ts'

type LogRecord = {
  timeUnixNano: string
  severityText: string
  body: string
  attributes: Record<string, unknown>
  resource: Record<string, unknown>
}

/** Every line, each of which must be a record. */
const records = (stdout: string): LogRecord[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as LogRecord)

function expectRecordsOf(runId: string, all: readonly LogRecord[]): void {
  for (const record of all) {
    expect(record).toMatchObject({
      timeUnixNano: expect.stringMatching(/^\d{19}$/),
      severityText: expect.stringMatching(/^(?:DEBUG|INFO|WARN|ERROR)$/),
      body: expect.any(String),
    })
    expect(record.attributes['run.id']).toBe(runId)
    expect(record.resource['service.instance.id']).toBe(runId)
  }
  const speakers = new Set(all.map(({ attributes }) => attributes['service.component']))
  expect(speakers).toEqual(new Set(['openwork-orchestrator', 'openwork-server', 'opencode']))
}

describe('--log-format json', () => {
  test('makes every line of a host, its own and its programs’, a record of the same run', async () => {
    await using world = await newWorld()
    const args = ['serve', '--log-format', 'json', '--run-id', 'run-of-this-test', '--openwork-port', '0', '--verbose']
    const command = world.start(args)
    await command.prints(/"host ready"/)
    command.signal('SIGTERM')
    const { code, stdout, stderr } = await command.exited

    expect(code).toBe(0)
    expect(stderr).toBe('')
    expectRecordsOf('run-of-this-test', records(stdout))
    expect(records(stdout).map(({ body }) => body)).toContain('opencode ready')
  })

  test('does so for a check', async () => {
    await using world = await newWorld()
    const args = ['start', '--check', '--check-events', '--log-format', 'json', '--run-id', 'checked']

    const { code, stdout, stderr } = await world.run([...args, '--openwork-port', '0'])

    expect(code).toBe(0)
    expect(stderr).toBe('')
    expectRecordsOf('checked', records(stdout))
    expect(records(stdout).filter(({ body }) => body.startsWith('check ok: '))).toHaveLength(5)
  })

  test('carries OTEL_RESOURCE_ATTRIBUTES in the records of the host and of its server', async () => {
    await using world = await newMoodyWorld('')
    const env = { OTEL_RESOURCE_ATTRIBUTES: 'team=blue,deployment.environment=test,service.name=not-ours' }

    const { stdout } = await world.run(['start', '--log-format', 'json', '--check', '--openwork-port', '0'], { env })

    const names = records(stdout).map(({ resource }) => {
      expect(resource).toMatchObject({ team: 'blue', 'deployment.environment': 'test' })
      return resource['service.name']
    })
    expect(new Set(names)).toEqual(new Set(['openwork-orchestrator', 'openwork-server']))
  })
})

describe('colour', () => {
  const ESCAPE = '\u001b['

  /** What a host prints until it is ready, into a terminal. */
  async function inTerminal(world: World, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const ready = Promise.withResolvers<void>()
    const decoder = new TextDecoder()
    let text = ''
    const host = Bun.spawn([OPENWORK, 'serve', '--openwork-port', '0', ...args], {
      cwd: world.workspace,
      env: { ...world.env, TERM: 'xterm-256color', ...env },
      terminal: {
        data: (_, bytes) => {
          text += decoder.decode(bytes, { stream: true })
          if (text.includes('Stop with Ctrl-C')) ready.resolve()
        },
      },
    })
    await Promise.race([ready.promise, host.exited])
    kill(host.pid, 'SIGTERM')
    await host.exited
    host.terminal?.close()
    expect(text).toContain('Stop with Ctrl-C')
    return text
  }

  test('is there in a terminal, unless --no-color, NO_COLOR or TERM=dumb says otherwise', async () => {
    await using world = await newMoodyWorld('')

    expect(await inTerminal(world, [])).toContain(ESCAPE)
    expect(await inTerminal(world, ['--no-color'])).not.toContain(ESCAPE)
    expect(await inTerminal(world, [], { NO_COLOR: '1' })).not.toContain(ESCAPE)
    expect(await inTerminal(world, ['--color'], { NO_COLOR: '1' })).not.toContain(ESCAPE)
    expect(await inTerminal(world, [], { TERM: 'dumb' })).not.toContain(ESCAPE)
  })

  test('is not there in a pipe, unless --color asks for it, and never in records', async () => {
    await using world = await newMoodyWorld('')
    const check = (...args: string[]) => world.run(['start', '--check', '--openwork-port', '0', ...args])

    expect((await check()).stdout).not.toContain(ESCAPE)
    expect((await check('--color')).stdout).toContain(ESCAPE)
    expect((await check('--color', '--log-format', 'json')).stdout).not.toContain(ESCAPE)
  })
})
