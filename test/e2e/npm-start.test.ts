import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { eventually, newWorld } from './harness.ts'

const ROOT = join(import.meta.dir, '..', '..')

test.skipIf(process.platform !== 'linux')(
  'a host of `npm start` ends when only npm is told to',
  async () => {
    await using world = await newWorld()
    const start = ['--prefix', ROOT, 'start', '--silent', '--', 'serve', '--json', '--openwork-port', '0']
    await using npm = Bun.spawn([Bun.which('npm') ?? 'npm', ...start], {
      cwd: world.workspace,
      env: world.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const decoder = new TextDecoder()
    let document = ''
    for await (const chunk of npm.stdout) {
      document += decoder.decode(chunk, { stream: true })
      if (/^\}\n/m.test(document)) break
    }
    expect(JSON.parse(document)).toMatchObject({ workspace: world.workspace })
    expect(world.processes().map(({ command }) => command)).toContainEqual(expect.stringContaining('opencode'))

    npm.kill('SIGTERM')

    await npm.exited
    await eventually('nothing of it runs', () => world.processes().length === 0)
  },
  60_000,
)
