import { afterEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { HotReloadEvent, HotReloadStatus } from '../../src/api/hot-reload.ts'
import { opencodeClient } from '../../src/api/opencode-client.ts'
import { HotReloads } from '../../src/hot-reload/hot-reloads.ts'
import { reloadEngine } from '../../src/hot-reload/opencode-reload-engine.ts'
import type { Hold } from '../../src/hot-reload/reload-engine.ts'
import { eventually } from '../e2e/harness.ts'
import { holds } from '../fixtures/holds.ts'
import { watchedLog } from '../orchestrator/watched-log.ts'
import { folderWatches } from './folder-watch.ts'
import { startOpencodeStandIn } from './opencode-stand-in.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hot-reload-')))
  folders.push(folder)
  return folder
}

type Options = Partial<Record<'directories' | 'debounceMs' | 'cooldownMs' | 'deadlineMs', number>> & {
  enabled?: boolean
  hold?: Hold
  /** Place in `all`. */
  withTerminals?: number
}

/** A stand-in of opencode, folders that are followed, and everything that is told. */
function setUp({
  directories = 1,
  enabled = true,
  debounceMs = 20,
  cooldownMs = 0,
  deadlineMs = 600_000,
  hold = async () => undefined,
  withTerminals,
}: Options = {}) {
  const engine = startOpencodeStandIn()
  const [first = '', ...others] = Array.from({ length: directories }, newFolder)
  const all = [first, ...others]
  const { watches, hint, open } = folderWatches()
  const told: HotReloadEvent[] = []
  const { log, says } = watchedLog()
  const client = opencodeClient(engine.options)
  const reloads = new HotReloads({
    watches,
    engine: reloadEngine(client, {
      directories: () => all,
      restart: () => engine.restart(),
      mayHaveTerminals: directory => withTerminals === undefined || directory === all[withTerminals],
      hold,
    }),
    options: { enabled, debounceMs, cooldownMs, deadlineMs },
    log,
    onEvent: event => told.push(event),
  })
  for (const directory of all) reloads.follow(directory, { readAtMs: undefined })
  const at = (directory: string): HotReloadStatus => {
    const status = reloads.status(directory)
    if (!status) throw new Error(`${directory} is not followed`)
    return status
  }
  return {
    engine,
    client,
    reloads,
    directory: first,
    all,
    told,
    says,
    open,
    /** Written, and seen. */
    write(path: string, text: string, directory = first) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
      hint(directory)
    },
    at: (directory = first) => at(directory),
    becomes: (state: HotReloadStatus['state'], directory = first) =>
      eventually(`${directory} to become ${state}`, () => at(directory).state === state),
    reloaded: (times: number, directory = first) =>
      eventually(`reload ${times} of ${directory}`, () => at(directory).reloads === times),
    async [Symbol.asyncDispose]() {
      reloads.close()
      await engine[Symbol.asyncDispose]()
    },
  }
}

test('a new command is served, and what was reloaded is told', async () => {
  await using it = setUp()
  expect((await it.client.served(it.directory)).commands).toEqual(['init'])
  await it.becomes('current')
  const line = it.says(/reloaded/)
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.reloaded(1)
  expect((await it.client.served(it.directory)).commands).toEqual(['init', 'foo'])
  expect(await line).toMatch(/reloaded \S+: command "foo" added \(commands 1 -> 2, \d+ ms\)/)
  expect(it.told).toHaveLength(1)
  const { report, status } = it.told[0] ?? {}
  expect(report).toMatchObject({
    cause: 'change',
    extent: 'instance',
    before: { commands: 1, agents: 0, skills: 0 },
    after: { commands: 2, agents: 0, skills: 0 },
  })
  expect(status).toMatchObject({ state: 'current', pending: [], problems: [], reloads: 1, last: report })
})

test('what changed before it was followed is taken up too', async () => {
  await using it = setUp()
  const directory = newFolder()
  const readAtMs = Date.now() - 60_000
  it.write('.opencode/agent/early.md', '', directory)
  it.reloads.follow(directory, { readAtMs })
  await it.reloaded(1, directory)
  expect(it.at(directory).last?.changes).toMatchObject([{ kind: 'agent', name: 'early', action: 'added' }])
})

test('a thousand changes in a burst make one reload', async () => {
  await using it = setUp({ debounceMs: 100 })
  for (let count = 0; count < 1_000; count += 1) it.write('.opencode/command/foo.md', `Say ${count}`)
  await it.reloaded(1)
  expect(it.engine.disposals).toEqual([it.directory])
  expect(it.at().state).toBe('current')
})

test('a session at work is not cut: the reload comes when it has ended', async () => {
  await using it = setUp()
  it.engine.begin(it.directory, 'ses_1')
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('waiting')
  expect(it.at()).toMatchObject({ waitingFor: { sessions: ['ses_1'] }, pending: [{ name: 'foo' }] })
  it.write('.opencode/command/bar.md', 'Say bar')
  await eventually('both to be pending', () => it.at().pending.length === 2)
  expect(it.engine.disposals).toEqual([])
  it.engine.end(it.directory, 'ses_1')
  await it.reloaded(1)
  expect(it.engine.cut).toEqual([])
  expect(
    it
      .at()
      .last?.changes.map(({ name }) => name)
      .toSorted(),
  ).toEqual(['bar', 'foo'])
})

test('an end of work that no event tells is found all the same', async () => {
  await using it = setUp()
  it.engine.askPermission(it.directory, 'per_1')
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('waiting')
  await it.engine.down()
  it.engine.up() // it has forgotten the question, and nobody says so
  await it.reloaded(1)
})

test('people are told when work takes longer than the deadline, and it goes on', async () => {
  await using it = setUp({ deadlineMs: 1 })
  it.engine.askPermission(it.directory, 'per_1')
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('overdue')
  expect(it.told.map(({ severity, message }) => `${severity} ${message.replace(it.directory, 'W')}`)).toEqual([
    'info the reload of W waits for 1 permission request',
    expect.stringMatching(/^warn the reload of W has waited for \d+ s, now for 1 permission request\. It is done/),
  ])
  it.engine.replyPermission(it.directory, 'per_1')
  await it.reloaded(1)
})

test('new requests wait from the last question about work until the new instance is there', async () => {
  const { held, hold } = holds()
  await using it = setUp({ hold })
  const heldAtBoot: unknown[] = []
  await it.client.served(it.directory)
  it.engine.onBoot(() => heldAtBoot.push([...held.now]))
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.reloaded(1)
  expect(heldAtBoot).toEqual([[it.directory]])
  await eventually('them to go on', () => held.now.length === 0)
  expect(held.ever).toEqual([it.directory])
})

test('work that began before they waited is not cut, and they do not wait for its end', async () => {
  const { held, hold } = holds()
  await using it = setUp({ hold })
  await it.client.served(it.directory)
  held.begun = () => it.engine.begin(it.directory, 'ses_1')
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('waiting')
  await eventually('them to go on', () => held.now.length === 0)
  expect(it.at().waitingFor?.sessions).toEqual(['ses_1'])
  // As long as opencode shows work nobody is held up.
  it.write('.opencode/command/bar.md', 'Say bar')
  await eventually('both to be pending', () => it.at().pending.length === 2)
  expect(held.ever).toHaveLength(1)
  held.begun = () => {}
  it.engine.end(it.directory, 'ses_1')
  await it.reloaded(1)
  expect(it.engine.cut).toEqual([])
})

test('a request that was passed on, and whose work opencode does not show, is work', async () => {
  const { held, hold } = holds()
  await using it = setUp({ hold })
  held.openRequests = 1
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('waiting')
  expect(it.at().waitingFor).toMatchObject({ sessions: [], requests: 1 })
  expect(it.told.at(-1)?.message).toEndWith('waits for 1 open request')
  await expect(it.reloads.reload(it.directory, { force: false })).rejects.toMatchObject({ code: 'workspace_busy' })
  expect(it.engine.disposals).toEqual([])
  // Forced it is done, and whoever comes meanwhile waits all the same.
  await it.reloads.reload(it.directory, { force: true })
  expect(it.engine.disposals).toEqual([it.directory])
  expect(held.now).toEqual([])
})

test('for a restart the requests for all wait', async () => {
  const { held, hold } = holds()
  await using it = setUp({ directories: 2, hold })
  const [, other = ''] = it.all
  await it.client.served(other)
  held.begun = () => it.engine.begin(other, 'ses_other')
  it.write('read-once.json', '{}')
  await it.becomes('waiting')
  held.begun = () => {}
  it.engine.end(other, 'ses_other')
  await it.reloaded(1)
  expect(it.engine).toMatchObject({ starts: 2, cut: [] })
  expect(held.ever).toEqual([undefined, undefined])
})

test('nothing is reloaded while a file is broken, and its place is told', async () => {
  await using it = setUp()
  it.write('opencode.json', '{')
  await it.becomes('blocked')
  expect(it.told).toMatchObject([
    { severity: 'error', message: expect.stringContaining(`${it.directory}/opencode.json:1:2: no JSON`) },
  ])
  await expect(it.reloads.reload(it.directory, { force: true })).rejects.toMatchObject({
    code: 'opencode_config_invalid',
    details: { problems: [{ path: `${it.directory}/opencode.json`, line: 1 }] },
  })
  expect(it.engine.disposals).toEqual([])
  it.write('opencode.json', '{}')
  await it.reloaded(1)
})

test('an opencode that is stuck with a config that was mended is started anew, when nothing is at work anywhere', async () => {
  await using it = setUp({ directories: 2 })
  const [directory = '', other = ''] = it.all
  writeFileSync(join(directory, 'opencode.json'), '{')
  await expect(it.client.served(directory)).rejects.toMatchObject({ code: 'opencode_config_invalid' })
  it.engine.begin(other, 'ses_other')
  it.write('opencode.json', '{}')
  await it.becomes('waiting')
  expect(it.at().waitingFor?.sessions).toEqual(['ses_other'])
  it.engine.end(other, 'ses_other')
  await it.reloaded(1)
  expect(it.at().last).toMatchObject({ extent: 'engine' })
  expect(it.engine).toMatchObject({ starts: 2, cut: [] })
})

test('what only opencode finds to be wrong is told, and mended it is taken up by a restart', async () => {
  await using it = setUp()
  await it.client.served(it.directory)
  it.write('opencode.json', '{ "odd": true }')
  await it.becomes('blocked')
  expect(it.at().problems).toEqual([{ path: `${it.directory}/opencode.json`, message: 'odd: Unknown' }])
  expect(it.engine.starts).toBe(1)
  it.write('opencode.json', '{}')
  await it.reloaded(1)
  expect(it.at().last).toMatchObject({ extent: 'engine' })
  // The same by hand.
  writeFileSync(join(it.directory, 'opencode.json'), '{ "odd": true }')
  const byHand = it.reloads.reload(it.directory, { force: false })
  await expect(byHand).rejects.toMatchObject({ code: 'opencode_config_invalid' })
  expect(it.at().state).toBe('blocked')
  expect(it.engine.starts).toBe(2)
})

test('what opencode reads once in its life has it started anew, and the other directories have read it with that', async () => {
  await using it = setUp({ directories: 12 })
  for (const directory of it.all) await it.client.served(directory)
  for (const directory of it.all) it.write('read-once.json', '{}', directory)
  await eventually('all to be current', () => it.all.every(directory => it.at(directory).state === 'current'))
  expect(it.engine.starts).toBe(2)
  expect(it.all.map(directory => it.at(directory).reloads).reduce((sum, count) => sum + count)).toBe(1)
})

test('a restart asks no directory for terminals in which nobody has opened one', async () => {
  await using it = setUp({ directories: 3, withTerminals: 1 })
  it.write('read-once.json', '{}')
  await it.reloaded(1)
  expect(it.engine.starts).toBe(2)
  expect(new Set(it.engine.askedForTerminals)).toEqual(new Set([it.all[1] ?? '']))
})

test('no change is lost while opencode is gone', async () => {
  await using it = setUp()
  await it.becomes('current')
  await it.engine.down()
  it.write('.opencode/command/foo.md', 'Say foo')
  await eventually('that to be told', () => it.told.length === 1)
  expect(it.told[0]?.message).toContain('opencode does not answer')
  expect(it.at()).toMatchObject({ state: 'settling', pending: [{ name: 'foo' }] })
  it.engine.up()
  await it.reloaded(1)
})

test('an opencode that others have started anew has read everything', async () => {
  await using it = setUp()
  it.engine.begin(it.directory, 'ses_1')
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('waiting')
  await it.engine.down()
  const atMs = Date.now() + 1_000 // the clock of the file system is coarser than ours
  it.engine.up()
  it.reloads.engineRestarted(atMs)
  await it.becomes('current')
  expect(it.at()).toMatchObject({ reloads: 0, pending: [] })
  expect(it.engine.disposals).toEqual([])
})

test('a plugin that writes whenever it starts is told of, and left alone until somebody asks', async () => {
  await using it = setUp()
  let boots = 0
  it.engine.onBoot(() => {
    boots += 1
    it.write('.opencode/agent/generated.md', `${boots}`)
  })
  it.write('.opencode/command/foo.md', 'Say foo')
  await it.becomes('looping')
  const disposals = it.engine.disposals.length
  expect(disposals).toBeLessThanOrEqual(6)
  expect(it.told.at(-1)).toMatchObject({ severity: 'warn', message: expect.stringContaining('generated.md') })
  it.engine.onBoot(() => {})
  await it.reloads.reload(it.directory, { force: false })
  expect(it.at()).toMatchObject({ state: 'current', pending: [] })
  expect(it.engine.disposals).toHaveLength(disposals + 1)
})

test('directories are reloaded one at a time', async () => {
  await using it = setUp({ directories: 8 })
  it.engine.disposalMs = 5
  for (const directory of it.all) it.write('.opencode/command/foo.md', 'Say foo', directory)
  for (const directory of it.all) await it.reloaded(1, directory)
  expect(it.engine.mostAtOnce).toBe(1)
  expect(it.engine.disposals.toSorted()).toEqual(it.all.toSorted())
})

test('by hand: refused while that would end work, unless it is to', async () => {
  await using it = setUp()
  it.engine.begin(it.directory, 'ses_1')
  await expect(it.reloads.reload(it.directory, { force: false })).rejects.toMatchObject({
    code: 'workspace_busy',
    message: `${it.directory} is at work: 1 session`,
  })
  expect(it.engine.disposals).toEqual([])
  const report = await it.reloads.reload(it.directory, { force: true })
  expect(report).toMatchObject({ cause: 'request', extent: 'instance', changes: [] })
  expect(it.engine.cut).toEqual(['ses_1'])
})

test('by hand: the work of another directory is not ended, whatever is forced', async () => {
  await using it = setUp({ directories: 2 })
  const [directory = '', other = ''] = it.all
  it.engine.begin(other, 'ses_other')
  it.write('read-once.json', '{}')
  await it.becomes('waiting')
  expect(await it.reloads.reload(directory, { force: true })).toMatchObject({ extent: 'instance' })
  await it.becomes('waiting')
  expect(it.engine).toMatchObject({ starts: 1, cut: [] })
  it.engine.end(other, 'ses_other')
  await it.becomes('current')
  expect(it.engine.starts).toBe(2)
})

test('by hand it works with hot reload off, and for a directory that is not followed', async () => {
  await using it = setUp({ enabled: false })
  expect(it.open.size).toBe(0)
  expect(it.at()).toMatchObject({ state: 'current', watching: 'off' })
  it.write('.opencode/command/foo.md', 'Say foo')
  const other = newFolder()
  for (const directory of [it.directory, other]) {
    const report = await it.reloads.reload(directory, { force: false })
    expect(report).toMatchObject({ directory, cause: 'request' })
    // No instance is made only to count what it serves.
    expect(report.before !== undefined).toBe(directory === it.directory)
    await it.engine.down()
    await expect(it.reloads.reload(directory, { force: false })).rejects.toMatchObject({ code: 'opencode_unreachable' })
    it.engine.up()
  }
  writeFileSync(join(it.directory, 'opencode.json'), '{')
  await expect(it.reloads.reload(it.directory, { force: true })).rejects.toMatchObject({
    code: 'opencode_config_invalid',
  })
  expect(it.at().reloads).toBe(1)
  expect(it.reloads.status(other)).toBeUndefined()
  expect(it.open.size).toBe(0)
})

test('what is not followed any more is not reloaded, nor is anything after the end', async () => {
  await using it = setUp({ directories: 2 })
  const [directory = '', other = ''] = it.all
  for (const each of it.all) {
    it.engine.begin(each, 'ses_1')
    it.write('.opencode/command/foo.md', 'Say foo', each)
    await it.becomes('waiting', each)
  }
  it.reloads.unfollow(directory)
  it.engine.end(directory, 'ses_1')
  it.engine.end(other, 'ses_1')
  await it.reloaded(1, other)
  it.write('.opencode/command/bar.md', 'Say bar', other)
  it.reloads.close()
  await expect(it.reloads.reload(other, { force: false })).rejects.toMatchObject({ code: 'interrupted' })
  expect(it.engine.disposals).toEqual([other])
  expect(it.open.size).toBe(0)
})

test('a new file that opencode does not serve is told of', async () => {
  await using it = setUp()
  it.write('.opencode/elsewhere/command/none.md', '')
  await it.reloaded(1)
  expect(it.told.at(-1)).toMatchObject({
    severity: 'warn',
    message: expect.stringContaining('command "none"'),
    status: { state: 'current' },
  })
})
