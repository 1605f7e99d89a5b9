import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { newWorld, OPENCODE, testUnless } from './harness.ts'

/** What a user's shell may hold that is none of the agent's business. Each value says whose it is. */
const OURS = {
  OPENWORK_TOKEN: 'client-token-of-this-test',
  OPENWORK_HOST_TOKEN: 'host-token-of-this-test',
  OPENWORK_APPROVAL_MODE: 'auto',
  DEN_ACTIVITY_HEARTBEAT_TOKEN: 'den-token-of-this-test',
  DEN_WORKER_ID: 'den-worker-of-this-test',
  // Of the kind that takes over whatever Bun or Node program is started next; these do no harm to our own.
  // BUN_BE_BUN is not among them: it would make our executable itself Bun. test/services has it.
  BUN_OPTIONS: '--smol',
  BUN_CONFIG_MAX_HTTP_REQUESTS: '77',
  NODE_OPTIONS: '--no-warnings',
}

/** The only names with our mark that opencode is given: that it runs in a host, in which, and by what it is found again. */
const GIVEN = ['OPENWORK', 'OPENWORK_RUN_ID', 'OPENWORK_LOG_FORMAT', 'OPENWORK_SPAWN']

type Variables = ReadonlyMap<string, string>

const parseEnvironment = (text: string, separator: string): Variables =>
  new Map(
    text
      .split(separator)
      .filter(line => line.includes('='))
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

function expectNothingOfOurs(variables: Variables, secrets: readonly string[]): void {
  expect(variables.get('USERS_OWN')).toBe('kept') // what is looked at is the right environment, and not an empty one
  const names = [...variables.keys()]
  expect(names.filter(name => name in OURS)).toEqual([])
  expect(names.filter(name => /^(?:OPENWORK|DEN|BUN)/.test(name) && !GIVEN.includes(name))).toEqual([])
  const values = [...variables.values()].join('\n')
  for (const secret of [...secrets, ...Object.values(OURS).filter(value => value.endsWith('-of-this-test'))])
    expect(values).not.toContain(secret)
}

describe('the agent', () => {
  testUnless(process.platform === 'linux' ? undefined : 'it reads /proc')(
    'sees none of our tokens and settings, and nor do the commands it runs',
    async () => {
      await using model = startModelProvider({
        reply: messages =>
          messages.at(-1)?.role === 'tool'
            ? 'Done.'
            : { tool: 'bash', arguments: { command: 'env', description: 'Shows the environment' } },
      })
      await using world = await newWorld(workspaceConfig(model.url))
      const host = await world.serve([], { env: { ...OURS, USERS_OWN: 'kept' } })
      const { token, hostToken, ownerToken } = host.document.openwork
      expect(token).toBe(OURS.OPENWORK_TOKEN)

      const own = parseEnvironment(readFileSync(`/proc/${world.pidOf(OPENCODE)}/environ`, 'utf8'), '\0')
      expectNothingOfOurs(own, [token, hostToken, ownerToken])

      const session = (await (await host.post('/opencode/session', {})).json()) as { id: string }
      const prompt = { parts: [{ type: 'text', text: 'Look around.' }] }
      expect((await host.post(`/opencode/session/${session.id}/message`, prompt)).status).toBe(200)
      const result = (await model.turn(1)).messages.at(-1)
      expect(result?.role).toBe('tool')
      expectNothingOfOurs(parseEnvironment(String(result?.content), '\n'), [token, hostToken, ownerToken])
    },
  )
})

test('no command line of a host shows a secret', async () => {
  await using world = await newWorld()
  const host = await world.serve([], { env: { OPENWORK_HOST_TOKEN: OURS.OPENWORK_HOST_TOKEN } })
  const { openwork, opencode } = host.document

  expect(world.pidOf(OPENCODE)).toBeGreaterThan(0)
  for (const { command } of world.processes())
    for (const secret of [openwork.token, openwork.hostToken, openwork.ownerToken, opencode.password])
      expect(command).not.toContain(secret)
})
