import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { expectAnswerToPrompt } from './answers-a-prompt.ts'
import { eventually, newWorld, OPENCODE, ROOT } from './harness.ts'

const NPM_START = { program: [Bun.which('npm') ?? 'npm', '--prefix', ROOT, 'start', '--silent', '--'] } as const

describe.skipIf(process.platform === 'win32')('`npm start -- serve --workspace <dir>`, from the checkout', () => {
  test('answers a prompt through the proxy, and a client sees its events as they happen', async () => {
    await using model = startModelProvider({ reply: 'The answer is forty-two.', held: true })
    await using world = await newWorld(workspaceConfig(model.url))

    const host = await world.serve(['--workspace', world.workspace], { ...NPM_START, cwd: world.home })

    expect(host.document).toMatchObject({
      workspace: world.workspace,
      diagnostics: {
        binaries: { opencode: { source: 'bundled', path: expect.stringContaining(join(ROOT, 'node_modules')) } },
      },
    })
    await expectAnswerToPrompt(host, model, { firstWord: 'The', lastWord: 'forty-two' })

    await host.stop()
    await eventually('nothing of it runs', () => world.processes().length === 0)
  })

  test('ends when npm alone is told to', async () => {
    await using world = await newWorld()
    const host = await world.serve([], NPM_START)
    expect(host.document.workspace).toBe(world.workspace)
    expect(world.pidOf(OPENCODE)).toBeGreaterThan(0)

    await host.stop()

    await eventually('nothing of it runs', () => world.processes().length === 0)
  })
})
