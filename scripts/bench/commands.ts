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
  const session = await openFileSession(host)
  const authorization = `Basic ${btoa(`${opencode.username}:${opencode.password}`)}`

  const samples = await inTurns(rounds, {
    empty: command(empty),
    version: command(OPENWORK, '--version'),
    help: command(OPENWORK, '--help'),
    status: command(OPENWORK, 'status', '--json'),
    approvals: command(OPENWORK, 'approvals', 'list', '--json'),
    approvalsServer: () => timed(() => read(host, '/approvals')),
    files: command(OPENWORK, 'files', 'read', session, 'opencode.json', '--json'),
    filesServer: () => timed(() => read(host, `/files/sessions/${session}/read-batch`, { paths: ['opencode.json'] })),
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
  const oneShot = (name: string, own: number[], server: number[]): Measurement => ({
    name: `openwork ${name} (6× empty + the servers’ own time)`,
    unit: 'ms',
    value: median(own),
    floor,
    budget: { of: 'value', atMost: 6 * floor.value + median(server) },
  })
  return [
    {
      name: 'openwork --version',
      unit: 'ms',
      value: median(samples.version),
      floor,
      budget: { of: 'ratio', atMost: 2 },
    },
    { name: 'openwork --help', unit: 'ms', value: median(samples.help), floor, budget: { of: 'ratio', atMost: 3 } },
    oneShot('status', samples.status, samples.server),
    oneShot('approvals list', samples.approvals, samples.approvalsServer),
    oneShot('files read', samples.files, samples.filesServer),
  ]
}

/** A session of the client token, which is what the commands find for themselves. */
async function openFileSession({ document: { openwork } }: RunningHost): Promise<string> {
  const headers = { authorization: `Bearer ${openwork.token}`, 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(5_000)
  const listed = await fetch(`${openwork.baseUrl}/workspaces`, { headers, signal })
  const { activeId } = (await listed.json()) as { activeId: string }
  const url = `${openwork.baseUrl}/workspace/${activeId}/files/sessions`
  const opened = await fetch(url, { method: 'POST', headers, body: '{}', signal })
  return ((await opened.json()) as { session: { id: string } }).session.id
}

/** One request with the credentials that the commands use, its answer read to the end. */
async function read({ document: { openwork } }: RunningHost, path: string, body?: object): Promise<void> {
  const answer = await fetch(`${openwork.baseUrl}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(path === '/approvals'
        ? { 'x-openwork-host-token': openwork.hostToken }
        : { authorization: `Bearer ${openwork.token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(5_000),
  })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`)
  await answer.text()
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
