import { describe, expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { listenToEvents } from './event-log.ts'
import { isAlive, kill, newMoodyWorld, newWorld, OPENCODE, type World } from './harness.ts'

const NUMBER = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1 } as const

const expectNothingLeft = (world: World): void => {
  expect(world.processes()).toEqual([])
  expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])
}

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s', signal => {
  test('before readiness takes everything down', async () => {
    await using world = await newWorld()
    const command = world.start(['serve', '--openwork-port', '0'])
    await command.prints(/opencode starting/)

    command.signal(signal)
    const { code, stdout } = await command.exited

    expect(code).toBe(128 + NUMBER[signal])
    expect(stdout).not.toContain('openwork is ready')
    expectNothingLeft(world)
  })

  test('before the readiness of an opencode that accepts requests and answers none takes everything down', async () => {
    await using world = await newMoodyWorld('late', { FAKE_OPENCODE_LATE_MS: '3600000' })
    const command = world.start(['serve', '--openwork-port', '0'])
    await command.prints(/opencode server listening/)

    command.signal(signal)

    expect((await command.exited).code).toBe(128 + NUMBER[signal])
    expectNothingLeft(world)
  })

  test('when ready is a clean end', async () => {
    await using world = await newWorld()
    const host = await world.serve()

    host.signal(signal)

    expect(await host.exited).toMatchObject({ code: 0, signal: null })
    expectNothingLeft(world)
  })

  test('a second time does not wait for an opencode that hangs', async () => {
    await using world = await newWorld()
    const host = await world.serve()
    const opencode = world.pidOf(OPENCODE)
    kill(opencode, 'SIGSTOP') // no signal but SIGKILL reaches it now

    host.signal(signal)
    await host.prints(/Stopping: SIGTERM/, 'stderr')
    // Says how it came to that.
    expect(isAlive(opencode) ? 'alive' : await host.exited).toEqual('alive')
    const impatient = setInterval(() => host.signal(signal), 50)
    await host.exited
    clearInterval(impatient)

    expectNothingLeft(world)
  })
})

test('SIGTERM in the middle of an answer hangs up on clients and on the model, and is a clean end', async () => {
  await using model = startModelProvider({ held: true })
  await using world = await newWorld(workspaceConfig(model.url))
  const host = await world.serve()
  const events = await listenToEvents(host)
  const session = (await (await host.post('/opencode/session', {})).json()) as { id: string }
  const answer = host.post(`/opencode/session/${session.id}/message`, { parts: [{ type: 'text', text: 'go' }] })
  const outcome = answer.then(response => response.text()).catch(() => 'cut off')
  const turn = await model.turn(0)

  expect(await host.stop()).toMatchObject({ code: 0, signal: null })

  expect(await turn.ended).toBe('aborted')
  await outcome
  await events.close()
  expectNothingLeft(world)
})
