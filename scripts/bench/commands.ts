// One-shot commands, against a compiled program that does nothing.
import { join } from 'node:path'
import { compileExecutable } from '../../build/executable.ts'
import { OPENWORK, type RunningHost, type World } from '../../test/e2e/harness.ts'
import { inTurns, type Measurement, median, timed } from './measure.ts'

export async function measureCommands(rounds: number, world: World, host: RunningHost): Promise<Measurement[]> {
  const empty = join(world.home, 'empty')
  await compileExecutable({ entry: join(import.meta.dir, 'programs', 'empty.ts'), outfile: empty })
  const command =
    (program: string, ...args: string[]) =>
    () =>
      wallMs(program, args, world)
  const { opencode, openwork } = host.document
  const authorization = `Basic ${btoa(`${opencode.username}:${opencode.password}`)}`

  const samples = await inTurns(rounds, {
    empty: command(empty),
    version: command(OPENWORK, '--version'),
    help: command(OPENWORK, '--help'),
    status: command(OPENWORK, 'status', '--json'),
    // What `status` waits for, asked by a process that already runs.
    server: () =>
      timed(async () => {
        const asked = [
          fetch(`${openwork.baseUrl}/health`, { signal: AbortSignal.timeout(5_000) }),
          fetch(`${opencode.baseUrl}/global/health`, {
            headers: { authorization },
            signal: AbortSignal.timeout(5_000),
          }),
        ]
        await Promise.all(asked.map(async answer => (await answer).text()))
      }),
  })

  const floor = { name: 'an empty compiled program', value: median(samples.empty) }
  const statusLimit = 6 * floor.value + median(samples.server)
  return [
    {
      name: 'openwork --version',
      unit: 'ms',
      value: median(samples.version),
      floor,
      budget: { of: 'ratio', atMost: 2 },
    },
    { name: 'openwork --help', unit: 'ms', value: median(samples.help), floor, budget: { of: 'ratio', atMost: 3 } },
    {
      name: 'openwork status (6× empty + the servers’ own time)',
      unit: 'ms',
      value: median(samples.status),
      floor,
      budget: { of: 'value', atMost: statusLimit },
    },
  ]
}

/** From the spawn to the end of a command that must succeed. */
function wallMs(program: string, args: string[], { env, workspace }: World): number {
  const startedAt = performance.now()
  const { exitCode, stderr } = Bun.spawnSync([program, ...args], {
    cwd: workspace,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  })
  const took = performance.now() - startedAt
  if (exitCode !== 0) throw new Error(`${args.join(' ')}: exit code ${exitCode}\n${stderr}`)
  return took
}
