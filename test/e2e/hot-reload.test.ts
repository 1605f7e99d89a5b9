import { expect, test } from 'bun:test'
import { appendFileSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ReloadReport } from '../../src/api/hot-reload.ts'
import {
  type ModelProvider,
  type ModelRequest,
  startModelProvider,
  workspaceConfig,
} from '../fixtures/model-provider.ts'
import { failureOf, kill, newWorld, OPENCODE, type RunningHost, type World } from './harness.ts'
import { becomes, follows, namesOf, QUICK, serves, servesNoMore, statusOf } from './hot-reload.ts'

const LIMIT_MS = 120_000

const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const place = ({ workspace }: World, ...parts: string[]): string => join(workspace, '.opencode', ...parts)
const writeCommand = (world: World, name: string, text = 'Do it.'): void =>
  write(place(world, 'commands', `${name}.md`), `---\ndescription: ${name}\n---\n${text}\n`)

const isCurrent = (world: World): Promise<void> =>
  becomes(world, 'everything taken over', ({ state, pending }) => state === 'current' && pending.length === 0)

/** The workspace's opencode.json with one command in it. */
const configWith = (command: string, config: object = {}): string =>
  JSON.stringify({ autoupdate: false, share: 'disabled', ...config, command: { [command]: { template: 'Do it.' } } })

function git({ workspace, env }: World, ...args: string[]): void {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false']
  const { exitCode, stderr } = Bun.spawnSync(['git', ...identity, ...args], { cwd: workspace, env })
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
}

test(
  'whatever opencode reads is taken over as it changes, by one and the same opencode',
  async () => {
    await using world = await newWorld()
    const host = await world.serve(QUICK)
    await follows(world)
    const pid = world.pidOf(OPENCODE)
    expect(await namesOf(host, 'command')).not.toContain('greet')

    // `.opencode` itself is made now.
    writeCommand(world, 'greet')
    await serves(host, 'command', 'greet')
    write(
      place(world, 'skills', 'gardening', 'SKILL.md'),
      '---\nname: gardening\ndescription: Plants\n---\nWater them.\n',
    )
    await serves(host, 'skill', 'gardening')
    write(place(world, 'agents', 'gardener.md'), '---\ndescription: Gardens\nmode: primary\n---\nYou garden.\n')
    await serves(host, 'agent', 'gardener')
    writeFileSync(join(world.workspace, 'opencode.json'), configWith('from-config'))
    await serves(host, 'command', 'from-config')

    // As editors save: a new file in the place of the old one.
    write(place(world, 'commands', '.greet.md.swp'), 'half')
    write(join(world.workspace, 'saved'), configWith('saved-atomically'))
    renameSync(join(world.workspace, 'saved'), join(world.workspace, 'opencode.json'))
    await serves(host, 'command', 'saved-atomically')
    rmSync(place(world), { recursive: true })
    await servesNoMore(host, 'command', 'greet')
    writeCommand(world, 'again')
    await serves(host, 'command', 'again')
    renameSync(place(world, 'commands', 'again.md'), place(world, 'commands', 'renamed.md'))
    await serves(host, 'command', 'renamed')
    expect(await namesOf(host, 'command')).not.toContain('again')

    git(world, 'init', '-q', '-b', 'main')
    git(world, 'add', '-A')
    git(world, 'commit', '-q', '-m', 'main')
    git(world, 'checkout', '-q', '-b', 'other')
    renameSync(place(world, 'commands'), place(world, 'command'))
    write(place(world, 'command', 'on-other.md'), 'Only here.\n')
    await serves(host, 'command', 'on-other')
    git(world, 'add', '-A')
    git(world, 'commit', '-q', '-m', 'other')
    git(world, 'checkout', '-q', 'main')
    await servesNoMore(host, 'command', 'on-other')
    git(world, 'checkout', '-q', 'other')
    await serves(host, 'command', 'on-other')
    await isCurrent(world)

    const { reloads: before } = await statusOf(world)
    for (let count = 0; count < 500; count++) {
      utimesSync(place(world, 'command', 'renamed.md'), count, count)
      appendFileSync(place(world, 'command', 'on-other.md'), `${count}\n`)
    }
    writeCommand(world, 'last-of-burst')
    await serves(host, 'command', 'last-of-burst')
    await isCurrent(world)
    expect((await statusOf(world)).reloads).toBe(before + 1)

    // As `git worktree remove` and `add` do it.
    rmSync(world.workspace, { recursive: true })
    await servesNoMore(host, 'command', 'last-of-burst')
    mkdirSync(world.workspace)
    writeFileSync(join(world.workspace, 'opencode.json'), configWith('made-again'))
    await serves(host, 'command', 'made-again')
    writeCommand(world, 'still-followed')
    await serves(host, 'command', 'still-followed')
    await isCurrent(world)

    expect(world.pidOf(OPENCODE)).toBe(pid)
    expect(await host.stop()).toMatchObject({ code: 0 })
    expect(world.processes()).toEqual([])
  },
  LIMIT_MS,
)

test(
  'a file that opencode cannot read is named, nothing is reloaded until it is mended, and a loop is ended',
  async () => {
    await using world = await newWorld()
    const host = await world.serve(QUICK)
    await follows(world)
    const pid = world.pidOf(OPENCODE)
    expect(await namesOf(host, 'command')).not.toContain('waits') // from now on there is an instance
    const config = join(world.workspace, 'opencode.json')

    writeCommand(world, 'waits')
    writeFileSync(config, '{\n  "command": {\n    "broken": }\n}\n')
    await becomes(world, 'blocked', ({ state }) => state === 'blocked')
    expect(await statusOf(world)).toMatchObject({ reloads: 0, problems: [{ path: config, line: 3 }] })
    expect((await world.run(['status'])).stdout).toContain(`${config}:3:`)
    expect(host.text('stderr')).toContain(`${config}:3:`)
    expect(await failureOf(world, ['reload'])).toMatchObject({ exitCode: 1, code: 'opencode_config_invalid' })
    expect(await failureOf(world, ['reload', '--force'])).toMatchObject({
      exitCode: 1,
      code: 'opencode_config_invalid',
    })
    expect(await namesOf(host, 'command')).not.toContain('waits')
    // Readable again, and of a shape that opencode refuses.
    writeFileSync(config, '{\n  "command": {\n    "misshapen": { "template": 5 }\n  }\n}\n')
    await becomes(world, 'blocked by its shape', ({ problems }) =>
      problems.some(({ message }) => /template|string/.test(message)),
    )
    writeFileSync(config, configWith('mended'))
    await serves(host, 'command', 'mended')
    expect(await namesOf(host, 'command')).toContain('waits')
    await isCurrent(world)
    expect((await statusOf(world)).problems).toEqual([])
    expect(world.pidOf(OPENCODE)).toBe(pid)

    // What opencode reads once in its life: it is started again, at the same address.
    write(join(world.home, '.config', 'opencode', 'opencode.json'), configWith('personal'))
    await serves(host, 'command', 'personal')
    await isCurrent(world)
    expect((await statusOf(world)).last).toMatchObject({ extent: 'engine', cause: 'change' })
    expect(world.pidOf(OPENCODE)).not.toBe(pid)
    const health = await fetch(`${host.document.opencode.baseUrl}/global/health`, {
      headers: {
        authorization: `Basic ${btoa(`${host.document.opencode.username}:${host.document.opencode.password}`)}`,
      },
    })
    expect(health.status).toBe(200)

    const target = place(world, 'commands', 'written.md')
    write(
      place(world, 'plugins', 'restless.js'),
      `import { writeFileSync } from 'node:fs'
export const Restless = async () => {
  writeFileSync(${JSON.stringify(target)}, 'Written ' + Math.random())
  return {}
}
`,
    )
    await becomes(world, 'looping', ({ state }) => state === 'looping')
    const { reloads } = await statusOf(world)
    expect(host.text('stderr')).toContain(target)
    // Other files are still taken over.
    writeCommand(world, 'beside-the-loop')
    await serves(host, 'command', 'beside-the-loop')
    rmSync(place(world, 'plugins'), { recursive: true })
    const reloaded = await world.run(['reload', '--json'])
    expect(reloaded.code).toBe(0)
    await isCurrent(world)
    expect((await statusOf(world)).reloads).toBeGreaterThan(reloads)
  },
  LIMIT_MS,
)

/** A client that talks to opencode itself, about a folder. */
const directly = ({ document: { opencode } }: RunningHost, folder: string): Pick<RunningHost, 'post'> => ({
  post: (path, body) =>
    fetch(`${opencode.baseUrl}${path}?directory=${encodeURIComponent(folder)}`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`${opencode.username}:${opencode.password}`)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    }),
})

/** Has the held model begin to answer a prompt in a new session. */
async function beginTurn(host: Pick<RunningHost, 'post'>, model: ModelProvider, index: number, opencode = '/opencode') {
  const { id } = (await (await host.post(`${opencode}/session`, {})).json()) as { id: string }
  const prompt = { parts: [{ type: 'text', text: 'Count.' }] }
  const answer = host
    .post(`${opencode}/session/${id}/message`, prompt)
    .then(answer => answer.text())
    .catch(() => 'cut off')
  const turn: ModelRequest = await model.turn(index)
  return { answer, turn }
}

test(
  'a turn is never cut off by a change; by hand only when that is asked for',
  async () => {
    await using model = startModelProvider({ held: true, reply: 'one two three' })
    await using world = await newWorld(workspaceConfig(model.url))
    const host = await world.serve([...QUICK, '--opencode-hot-reload-deadline-ms', '1000', '--approval', 'auto'])
    await follows(world)

    const first = await beginTurn(host, model, 0)
    for (let count = 0; count < 50; count++) {
      writeCommand(world, `change-${count}`)
      await Bun.sleep(10) // spread out, as a person's or an agent's would be
    }
    await becomes(world, 'overdue', ({ state, pending }) => state === 'overdue' && pending.length === 50)
    expect((await statusOf(world)).waitingFor?.sessions).toHaveLength(1)
    expect(await failureOf(world, ['reload'])).toMatchObject({
      exitCode: 1,
      code: 'workspace_busy',
      error: expect.stringMatching(/^A reload would end 1 session \(ses_/),
    })
    expect((await world.run(['status'])).stdout).toMatch(/reload {4}overdue; waits for 1 session/)
    const waiting = world.start(['reload', '--wait', '--json'])
    await waiting.prints(/^Waiting for 1 session \(ses_/m, 'stderr')
    expect((await statusOf(world)).reloads).toBe(0)
    waiting.signal('SIGINT')
    expect(await waiting.exited).toMatchObject({ code: 130 })
    model.release()
    expect(await first.answer).toContain('three')
    expect(await first.turn.ended).toBe('answered')
    await serves(host, 'command', 'change-49')
    await isCurrent(world)
    expect((await statusOf(world)).reloads).toBe(1)

    // By hand, cutting it off.
    model.hold()
    const second = await beginTurn(host, model, 1)
    writeCommand(world, 'forced')
    await becomes(world, 'waiting', ({ state }) => state === 'waiting' || state === 'overdue')
    const forced = await world.run(['reload', '--force', '--json'])
    const { reports } = JSON.parse(forced.stdout) as { reports: ReloadReport[] }
    expect(reports).toMatchObject([{ directory: world.workspace, cause: 'request', changes: [{ name: 'forced' }] }])
    expect(await second.turn.ended).toBe('aborted')
    await serves(host, 'command', 'forced')

    // By hand, as soon as it has ended.
    const third = await beginTurn(host, model, 2)
    const patient = world.start(['reload', '--wait'])
    await patient.prints(/^Waiting for /m, 'stderr')
    model.release()
    expect(await third.answer).toContain('three')
    expect(await patient.exited).toMatchObject({ code: 0, stdout: expect.stringContaining('Reloaded ') })

    // opencode dies while a change waits: the next one reads it.
    model.hold()
    const fourth = await beginTurn(host, model, 3)
    writeCommand(world, 'survivor')
    await becomes(world, 'waiting again', ({ state }) => state === 'waiting' || state === 'overdue')
    kill(world.pidOf(OPENCODE), 'SIGKILL')
    await fourth.turn.ended
    await serves(host, 'command', 'survivor')
    await isCurrent(world)

    // Folders that clients add are served by the same opencode: what runs there holds a restart up.
    const own = (await (await host.request('/workspaces')).json()) as { activeId: string }
    const garden = join(world.home, 'garden')
    write(join(garden, 'opencode.json'), JSON.stringify(workspaceConfig(model.url)))
    const added = (await (await host.post('/workspaces/local', { folderPath: garden, name: 'Garden' })).json()) as {
      activeId: string
    }
    const beside = await beginTurn(host, model, 4, `/w/${added.activeId}/opencode`)
    write(join(world.home, '.config', 'opencode', 'opencode.json'), configWith('personal'))
    await becomes(world, 'waiting for the other folder', status => status.waitingFor?.sessions.length === 1)
    model.release()
    expect(await beside.answer).toContain('three')
    await serves(host, 'command', 'personal')
    await isCurrent(world)

    // So does what clients of opencode do in folders that nobody told us of.
    model.hold()
    const app = join(world.workspace, 'packages', 'app')
    mkdirSync(app, { recursive: true })
    const apart = await beginTurn(directly(host, app), model, 5, '')
    write(join(world.home, '.config', 'opencode', 'opencode.json'), configWith('more-personal'))
    await becomes(world, 'waiting for the folder below', status => status.waitingFor?.sessions.length === 1)
    model.release()
    expect(await apart.answer).toContain('three')
    await serves(host, 'command', 'more-personal')
    await isCurrent(world)

    // ^C while one waits.
    model.hold()
    await beginTurn(host, model, 6, `/w/${own.activeId}/opencode`)
    writeCommand(world, 'too-late')
    await becomes(world, 'waiting at the end', ({ state }) => state === 'waiting' || state === 'overdue')
    host.signal('SIGINT')
    expect((await host.exited).code).toBe(0)
    expect(world.processes()).toEqual([])
  },
  LIMIT_MS,
)

test(
  'with hot reload off nothing is watched, and a reload by hand works',
  async () => {
    await using world = await newWorld()
    expect(await failureOf(world, ['reload'])).toMatchObject({ exitCode: 1, code: 'no_running_host' })
    const host = await world.serve(['--no-opencode-hot-reload'])
    await follows(world)
    expect(host.document.opencode.hotReload).toMatchObject({ enabled: false })
    expect(await namesOf(host, 'command')).not.toContain('later')

    writeCommand(world, 'later')
    expect(await statusOf(world)).toMatchObject({ watching: 'off', reloads: 0, pending: [] })
    expect((await world.run(['status'])).stdout).toContain('reload    off')
    const elsewhere = { cwd: world.home }
    const { code, stdout } = await world.run(['reload', world.workspace], elsewhere)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`Reloaded ${world.workspace} in `) })
    expect(await namesOf(host, 'command')).toContain('later')
    expect((await world.run(['reload', place(world, 'commands')], elsewhere)).code).toBe(0)
    for (const [args, options] of [[['reload'], elsewhere], [['reload', world.home]]] as const)
      expect(await failureOf(world, args, options)).toMatchObject({ exitCode: 1, code: 'no_running_host' })
    expect(await failureOf(world, ['reload', '--force', '--wait'])).toMatchObject({
      exitCode: 2,
      code: 'flags_conflict',
    })
    await host.stop()
  },
  LIMIT_MS,
)
