import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startModelProvider, workspaceConfig } from '../fixtures/model-provider.ts'
import { expectAnswerToPrompt } from './answers-a-prompt.ts'
import { eventually, newWorld, OPENCODE, ROOT } from './harness.ts'

const NPM = [Bun.which('npm') ?? 'npm', '--prefix', ROOT] as const
const NPM_START = { program: [...NPM, 'start', '--silent', '--'] } as const
const NPM_RUN_DEV = { program: [...NPM, 'run', 'dev', '--silent', '--'] } as const

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

describe.skipIf(process.platform === 'win32')('`npm run dev -- <command>`, from the checkout', () => {
  test("keeps opencode's state below the data dir, and out of the developer's home", async () => {
    await using world = await newWorld()

    const host = await world.serve([], NPM_RUN_DEV)

    expect(host.document.workspace).toBe(world.workspace)
    const state = world.files().filter(path => /\bopencode\b.*\.db$|\/opencode\/log$/.test(path))
    expect(state.length).toBeGreaterThan(0)
    expect(state.filter(path => !path.startsWith('data/openwork-dev-data/'))).toEqual([])
    expect(existsSync(join(world.home, '.local', 'share', 'opencode'))).toBe(false)
    await host.stop()
    await eventually('nothing of it runs', () => world.processes().length === 0)
  })

  test('starts nothing by itself, and leaves out the `--` that pnpm passes on', async () => {
    await using world = await newWorld()

    expect((await world.run([], NPM_RUN_DEV)).stdout).toContain('Usage')
    const { code, stdout } = await world.run(['--', 'status', '--json'], NPM_RUN_DEV)

    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ code: 'no_running_host' })
  })
})
