// The commands for hosts that run, by the built executable: what people type when a host goes on somewhere without them.
import { expect, test } from 'bun:test'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SurveyedHost } from '../../src/cli/hosts/survey.ts'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import {
  eventually,
  failureOf,
  isAlive,
  kill,
  newMoodyWorld,
  OPENCODE,
  OPENWORK,
  SERVER,
  testUnless,
  type World,
} from './harness.ts'

const onLinux = testUnless(process.platform === 'linux' ? undefined : 'Linux only: processes are looked for in /proc')

async function answerOf<Answer>(world: World, ...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await world.run([...args, '--json'])
  if (code !== 0) throw new Error(`openwork ${args.join(' ')} ended with ${code}: ${stdout}${stderr}`)
  return JSON.parse(stdout) as Answer
}

const hostsOf = async (world: World, ...args: string[]): Promise<SurveyedHost[]> =>
  (await answerOf<{ hosts: SurveyedHost[] }>(world, 'ps', ...args)).hosts

/** What a command prints into a terminal, and its exit code. */
async function inTerminal(world: World, args: readonly string[]): Promise<{ text: string; code: number }> {
  const decoder = new TextDecoder()
  let text = ''
  const command = Bun.spawn([OPENWORK, ...args], {
    cwd: world.workspace,
    env: { ...world.env, TERM: 'xterm' },
    terminal: {
      data: (_, bytes) => {
        text += decoder.decode(bytes, { stream: true })
      },
    },
  })
  const code = await command.exited
  await eventually('what it printed', () => text.includes('\n'))
  command.terminal?.close()
  return { text, code }
}

/** The fixture, which as `opencode attach` tells what it was given, and ends with 7. */
function attachingOpencode(home: string): string {
  const path = join(home, 'attaching-opencode')
  const tell =
    'echo "$* in $PWD as $OPENCODE_SERVER_USERNAME:$OPENCODE_SERVER_PASSWORD, host token: $OPENWORK_HOST_TOKEN."'
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = attach ]; then ${tell}; exit 7; fi\nexec '${fakeOpencode(home)}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

test('a host in the background is listed, followed, restarted, addressed, attached to and stopped', async () => {
  await using world = await newMoodyWorld('')
  world.env.OPENWORK_OPENCODE_BIN = attachingOpencode(world.home)
  type Started = {
    runId: string
    openwork: { connectUrl: string }
    opencode: Record<'username' | 'password' | 'baseUrl', string>
  }
  const { runId, openwork, opencode } = await answerOf<Started>(world, 'start', '--detach', '--openwork-port', '0')

  const [host] = await hostsOf(world)
  expect(host).toMatchObject({ runId, kind: 'host', state: 'ready', workspace: world.workspace, isDetached: true })
  expect(host).toMatchObject({ connectUrl: openwork.connectUrl, notReady: [], left: [] })
  expect((await world.run(['ps'])).stdout).toContain(`${runId.slice(0, 8)}  host  ready  ${host?.pid}`)

  // What is at work in this opencode cannot be found out.
  expect(await failureOf(world, ['restart', 'opencode'])).toMatchObject({ code: 'workspace_busy' })
  const following = world.start(['logs', runId.slice(0, 8), '-f', '--service', 'openwork-orchestrator'])
  await following.prints(/ready/)
  const restarted = await answerOf<{ service: { name: string; pid: number } }>(world, 'restart', 'opencode', '--force')
  expect(restarted).toMatchObject({ ok: true, service: { name: 'opencode', state: 'ready', restarts: 1 } })
  await following.prints(new RegExp(`opencode ready pid=${restarted.service.pid}\\b`))
  expect(await failureOf(world, ['restart', 'opencod'])).toMatchObject({
    exitCode: 2,
    code: 'service_not_found',
    error: expect.stringContaining('openwork-server'),
    hint: 'Did you mean opencode?',
  })

  expect(await world.run(['url', '--qr'])).toMatchObject({
    stdout: `${openwork.connectUrl}\n`,
    stderr: expect.stringContaining('▀'),
  })
  expect((await world.run(['url', runId, '--pair'])).stdout).toMatch(
    new RegExp(`^${openwork.connectUrl}/#pair=\\S+\n$`),
  )

  expect(await answerOf(world, 'credentials')).toMatchObject({ runId, opencodePassword: opencode.password })
  expect((await world.run(['credentials'])).stdout).toContain(`opencode password  ${opencode.password}\n`)

  const command = `attach ${opencode.baseUrl} --dir ${world.workspace} --continue`
  const printed = await world.run(['attach', '--print', '--', '--continue'])
  expect(printed.stdout).toEndWith(`attaching-opencode ${command}\n`)
  expect(printed.stdout).not.toContain(opencode.password)
  expect(await failureOf(world, ['attach'])).toMatchObject({ exitCode: 2, code: 'terminal_required' })
  const { text, code } = await inTerminal(world, ['attach', '--', '--continue'])
  expect(text).toStartWith('Opening opencode…')
  expect(text).toContain(`${command} in ${world.workspace} as ${opencode.username}:${opencode.password}, host token: .`)
  expect(code).toBe(7)

  // Whether this opencode is at work cannot be found out: nobody is there to ask, and it is told.
  const { stopped } = await answerOf<{ stopped: object[] }>(world, 'stop')
  expect(stopped).toMatchObject([{ runId, way: 'asked', ended: expect.stringContaining('opencode'), killed: [] }])
  expect(await following.exited).toMatchObject({ code: 0, stderr: 'The host has ended\n' })
  expect(world.processes()).toEqual([])
  expect(await hostsOf(world)).toEqual([])
  expect(await hostsOf(world, '--all')).toMatchObject([{ runId, state: 'ended', workspace: world.workspace }])
  const log = await world.run(['logs', '--tail', '1'])
  expect(log.stdout).toMatch(/^\d\d:\d\d:\d\d \[openwork-orchestrator\] stopped\n$/)
  expect(await failureOf(world, ['stop'])).toMatchObject({ exitCode: 1, code: 'no_running_host' })
}, 60_000)

onLinux(
  'of several hosts the one that is meant is stopped, whether it was killed, does not answer or is well',
  async () => {
    await using world = await newMoodyWorld('')
    const killed = await world.serve()
    const [server, opencode] = [world.pidOf(SERVER), world.pidOf(OPENCODE)]
    kill(server, 'SIGSTOP') // it would clear away what is left by itself
    for (const pid of [killed.pid, server]) kill(pid, 'SIGKILL')
    await killed.exited
    await eventually('the server to be gone', () => !isAlive(server)) // nobody waits for it any more

    const folders = ['well', 'silent'].map(name => join(world.home, name))
    for (const folder of folders) mkdirSync(folder)
    // Not `serve`, which clears away: what a killed host of another folder left is its own.
    const [dead] = await hostsOf(world)
    expect(dead).toMatchObject({ state: 'dead', left: [{ service: 'opencode', pid: opencode }] })
    expect((await world.run(['ps'])).stdout).toContain(`left opencode (pid ${opencode})`)
    const { stdout } = await world.run(['stop', '--all'])
    expect(stdout).toContain(`and ended what it left: opencode (pid ${opencode})`)
    expect(world.processes()).toEqual([])
    expect(readdirSync(join(world.dataDir, 'runs'))).toEqual([])

    const [well, silent] = await Promise.all(folders.map(cwd => world.serve([], { cwd })))
    if (!well || !silent) throw new Error('not started')
    const live = await world.run(['logs', String(well.pid), '--tail', '2', '--service', 'openwork-server'])
    expect(live.stdout.trimEnd().split('\n')).toHaveLength(2) // from its memory: it has a terminal
    kill(silent.pid, 'SIGSTOP')
    const stopping = world.start(['stop', '--json', String(silent.pid)])
    const states = (await hostsOf(world)).map(({ workspace, state }) => [workspace, state])
    expect(states.toSorted()).toEqual([
      [folders[1] ?? '', 'silent'],
      [folders[0] ?? '', 'ready'],
    ])
    expect(await failureOf(world, ['stop'])).toMatchObject({
      exitCode: 2,
      code: 'several_running_hosts',
      error: expect.stringContaining(String(silent.pid)),
      hint: expect.stringContaining('--all'),
    })
    // The folder it is called in says which one is meant.
    expect((await world.run(['stop'], { cwd: folders[0] ?? '' })).stdout).toContain(`Stopped ${folders[0]}`)
    expect((await well.exited).code).toBe(0)
    await stopping.prints(/Waiting for/, 'stderr')
    kill(silent.pid, 'SIGCONT')
    const answer = JSON.parse((await stopping.exited).stdout)
    expect(answer).toMatchObject({ ok: true, stopped: [{ pid: silent.pid, way: 'signalled' }] })
    expect(world.processes()).toEqual([])
  },
  60_000,
)
