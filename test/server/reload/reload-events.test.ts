import { afterEach, expect, test } from 'bun:test'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ReloadEvent } from '../../../src/api/reload.ts'
import type { Workspace } from '../../../src/api/workspaces.ts'
import { ReloadEvents } from '../../../src/server/reload/reload-events.ts'
import { Log } from '../../../src/shared/log.ts'
import { Redactor } from '../../../src/shared/redact.ts'

const QUIET_MS = 40

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const workspaceAt = (path: string, id = 'ws_1'): Workspace => ({
  id,
  name: 'project',
  path,
  preset: 'starter',
  workspaceType: path === '' ? 'remote' : 'local',
})

async function temporaryProject(files: Record<string, string> = {}): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'openwork-reload-'))
  cleanUps.push(() => rm(root, { recursive: true, force: true }))
  for (const [path, text] of Object.entries(files)) await put(join(root, path), text)
  return root
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** Events of the first of these projects, which are watched already, as they come. */
async function following(
  workspaces: Workspace[],
  { writes = true, listenTo = workspaces[0]?.id ?? '' }: { writes?: boolean; listenTo?: string } = {},
) {
  let logged = ''
  const log = new Log({
    format: 'pretty',
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'info',
    redactor: new Redactor(),
    write: line => {
      logged += `${line}\n`
    },
  })
  const events = new ReloadEvents({ log, writes, quietMs: QUIET_MS })
  const stop = new AbortController()
  cleanUps.push(() => {
    stop.abort()
    events.close()
  })
  events.follow(workspaces)
  await Promise.all(workspaces.map(({ id }) => events.watching(id)))
  const coming = events.listen(listenTo, stop.signal)[Symbol.asyncIterator]()
  return {
    events,
    logged: () => logged,
    async next(): Promise<ReloadEvent> {
      const { value, done } = await coming.next()
      if (done) throw new Error('the feed ended')
      return value.data
    },
  }
}

const watchedProject = async (files: Record<string, string> = {}, options?: { writes?: boolean }) => {
  const root = await temporaryProject(files)
  return { root, ...(await following([workspaceAt(root)], options)) }
}

test.each([
  ['opencode.json', { reason: 'config', trigger: { type: 'config' } }],
  ['opencode.jsonc', { reason: 'config', trigger: { type: 'config' } }],
  ['.opencode/opencode.jsonc', { reason: 'config', trigger: { type: 'config' } }],
  ['AGENTS.md', { reason: 'agents', trigger: { type: 'agent' } }],
  ['.opencode/agents/writer.md', { reason: 'agents', trigger: { type: 'agent', name: 'writer.md' } }],
  ['.opencode/agent/writer.md', { reason: 'agents', trigger: { type: 'agent', name: 'writer.md' } }],
  ['.opencode/commands/deploy.md', { reason: 'commands', trigger: { type: 'command', name: 'deploy' } }],
  ['.opencode/plugins/notify.ts', { reason: 'plugins', trigger: { type: 'plugin' } }],
  ['.opencode/skills/group/draw/SKILL.md', { reason: 'skills', trigger: { type: 'skill', name: 'group' } }],
])('%s added to an empty project is told', async (file, { reason, trigger }) => {
  const { root, next } = await watchedProject()
  const path = join(root, file)
  await put(path, '{}')
  expect(await next()).toEqual({
    id: expect.any(String),
    seq: 1,
    workspaceId: 'ws_1',
    reason,
    trigger: { ...trigger, action: 'added', path },
    timestamp: expect.any(Number),
  } as ReloadEvent)
})

test('a change, and then a removal, in a folder that came later', async () => {
  const { root, next } = await watchedProject({ '.opencode/other.txt': '' })
  const path = join(root, '.opencode/skills/draw/SKILL.md')
  await put(path, 'one')
  expect(await next()).toMatchObject({ reason: 'skills', trigger: { name: 'draw', action: 'added' } })
  await put(join(root, '.opencode/skills/draw/helper.md'), 'more')
  expect(await next()).toMatchObject({
    trigger: { name: 'draw', action: 'updated', path: expect.stringContaining('helper') },
  })
  await writeFile(path, 'two')
  expect(await next()).toMatchObject({ trigger: { name: 'draw', action: 'updated', path } })
  await rm(join(root, '.opencode/skills'), { recursive: true })
  expect(await next()).toMatchObject({ trigger: { name: 'draw', action: 'removed' } })
})

test('a tree that is replaced by another of the same name is watched on', async () => {
  const { root, next } = await watchedProject({ '.opencode/commands/a.md': 'a', 'new/b.md': 'b' })
  renameSync(join(root, '.opencode/commands'), join(root, 'old'))
  renameSync(join(root, 'new'), join(root, '.opencode/commands'))
  expect(await next()).toMatchObject({ trigger: { name: 'a', action: 'removed' } })
  await writeFile(join(root, '.opencode/commands/b.md'), 'changed')
  expect(await next()).toMatchObject({ trigger: { name: 'b', action: 'updated' } })
})

test('many writes in a row are one event, told after the last of them', async () => {
  const { root, next, events } = await watchedProject()
  // In one go, so that no quiet can come in between.
  mkdirSync(join(root, '.opencode/commands'), { recursive: true })
  for (let index = 0; index <= 20; index += 1) writeFileSync(join(root, '.opencode/commands/deploy.md'), `v${index}`)
  await next()
  await put(join(root, 'opencode.json'), '{}')
  expect(await next()).toMatchObject({ seq: 2, reason: 'config' })
  expect(events.since('ws_1', 0).map(({ reason }) => reason)).toEqual(['commands', 'config'])
})

test('nothing is told of what changes no content, of temp files, of others’ folders and of the rest of the project', async () => {
  const { root, next } = await watchedProject({ 'opencode.json': '{}', '.opencode/plugins/a.ts': 'a' })
  const later = new Date(Date.now() + 60_000)
  await utimes(join(root, 'opencode.json'), later, later)
  await writeFile(join(root, 'opencode.json'), '// a comment\n{ "$schema": "https://opencode.ai/config.json" }')
  for (const path of [
    '.opencode/plugins/node_modules/x/index.js',
    '.opencode/plugins/.git/HEAD',
    '.opencode/plugins/.DS_Store',
    '.opencode/plugins/a.ts.swp',
    '.opencode/plugins/a.ts~',
    '.opencode/plugins/a.ts.tmp-1',
    '.opencode/openwork.json',
    '.opencode/sessions/1.json',
    'src/index.ts',
  ])
    await put(join(root, path), 'x')
  await put(join(root, 'AGENTS.md'), 'x')
  expect(await next()).toMatchObject({ seq: 1, reason: 'agents' })
})

test('links to folders are followed once, also when they go in circles', async () => {
  const root = await temporaryProject({ 'shared/draw/SKILL.md': 'one' })
  await mkdir(join(root, '.opencode/skills'), { recursive: true })
  await symlink(join(root, 'shared/draw'), join(root, '.opencode/skills/draw'))
  await symlink(root, join(root, '.opencode/skills/loop'))
  const { next } = await following([workspaceAt(root)])
  await writeFile(join(root, 'shared/draw/SKILL.md'), 'two')
  expect(await next()).toMatchObject({ reason: 'skills', trigger: { action: 'updated' } })
})

test('a command with a null model is repaired, without an event for the repair', async () => {
  const broken = '---\nname: a\nmodel: null\n---\nbody\n'
  const { root, next, events, logged } = await watchedProject({
    '.opencode/commands/a.md': broken,
    '.opencode/commands/yaml.md': '---\n: [broken\nmodel: null',
  })
  expect(await readFile(join(root, '.opencode/commands/a.md'), 'utf8')).toBe('---\nname: a\n---\nbody\n')
  await put(join(root, '.opencode/commands/b.md'), broken)
  expect(await next()).toMatchObject({ seq: 1, trigger: { name: 'b', action: 'added' } })
  expect(await readFile(join(root, '.opencode/commands/b.md'), 'utf8')).toBe('---\nname: a\n---\nbody\n')
  await put(join(root, 'AGENTS.md'), 'x')
  expect(await next()).toMatchObject({ seq: 2, reason: 'agents' })
  expect(events.since('ws_1', 0)).toHaveLength(2)
  expect(logged()).toBe('')
})

test('a read-only server repairs nothing, and none writes through a link out of the workspace', async () => {
  const broken = '---\nmodel:\n---\n'
  const readOnly = await watchedProject({ '.opencode/commands/a.md': broken }, { writes: false })
  expect(await readFile(join(readOnly.root, '.opencode/commands/a.md'), 'utf8')).toBe(broken)

  const outside = await temporaryProject({ 'a.md': broken })
  const root = await temporaryProject({ 'opencode.json': '{}' })
  await mkdir(join(root, '.opencode'))
  await symlink(outside, join(root, '.opencode/commands'))
  const { logged } = await following([workspaceAt(root)])
  expect(await readFile(join(outside, 'a.md'), 'utf8')).toBe(broken)
  expect(logged()).toContain('could not be repaired')
})

test('a note of a route and what the watcher sees of it are one event', async () => {
  const { root, next, events } = await watchedProject({ 'opencode.json': '{}' })
  writeFileSync(join(root, 'opencode.json'), '{"mcp":{}}')
  events.note('ws_1', { reason: 'mcp', trigger: { type: 'mcp', name: 'chrome', action: 'added' } })
  expect(await next()).toMatchObject({ reason: 'mcp', trigger: { name: 'chrome' } })
  await put(join(root, 'AGENTS.md'), 'x')
  expect(await next()).toMatchObject({ seq: 2, reason: 'agents' })
})

test('remote workspaces are not watched; what is noted of them is told', async () => {
  const { events, next } = await following([workspaceAt('', 'ws_remote')])
  events.note('ws_remote', { reason: 'config' })
  expect(await next()).toMatchObject({ seq: 1, workspaceId: 'ws_remote', reason: 'config' })
})

test('a project folder that was not there, or is made anew, is watched when somebody asks', async () => {
  const root = join(await temporaryProject(), 'later')
  const { events, next } = await following([workspaceAt(root)])
  await put(join(root, 'opencode.json'), '{}')
  await events.watching('ws_1')
  expect(await next()).toMatchObject({ reason: 'config', trigger: { action: 'added' } })
  await rm(root, { recursive: true })
  expect(await next()).toMatchObject({ reason: 'config', trigger: { action: 'removed' } })
  await put(join(root, 'opencode.json'), '{}')
  await events.watching('ws_1')
  expect(await next()).toMatchObject({ reason: 'config', trigger: { action: 'added' } })
})

test('the list of workspaces decides what is watched', async () => {
  const [first, second] = [await temporaryProject(), await temporaryProject()]
  const { events, next } = await following([workspaceAt(first, 'ws_first')], { listenTo: 'ws_second' })
  events.follow([workspaceAt(second, 'ws_second')])
  await events.watching('ws_second')
  await put(join(first, 'opencode.json'), '{}')
  await put(join(second, 'opencode.json'), '{}')
  expect(await next()).toMatchObject({ seq: 1, workspaceId: 'ws_second' })
})

test('a workspace is watched only when somebody asks about it', async () => {
  const root = await temporaryProject({ 'opencode.json': '{}' })
  const { events, next } = await following([], { listenTo: 'ws_1' })
  events.follow([workspaceAt(root)])
  const broken = '---\nmodel: null\n---\n'
  await put(join(root, '.opencode/commands/a.md'), broken)
  await events.watching('ws_1')
  expect(await readFile(join(root, '.opencode/commands/a.md'), 'utf8')).not.toBe(broken)
  expect(events.since('ws_1', 0)).toEqual([]) // it was there before anybody asked
  await put(join(root, 'AGENTS.md'), 'x')
  expect(await next()).toMatchObject({ seq: 1, reason: 'agents' })
})

test('who asks again after a long while is told what changed meanwhile; who listens is told at once', async () => {
  const [quiet, heard] = [await temporaryProject(), await temporaryProject()]
  const workspaces = [workspaceAt(quiet, 'ws_quiet'), workspaceAt(heard, 'ws_heard')]
  const { events, next } = await following(workspaces, { listenTo: 'ws_heard' })
  events.rest(performance.now() + 60 * 60_000)
  await put(join(quiet, 'AGENTS.md'), 'x')
  await put(join(heard, 'AGENTS.md'), 'x')
  expect(await next()).toMatchObject({ seq: 1, workspaceId: 'ws_heard' })
  expect(events.since('ws_quiet', 0)).toEqual([])
  await events.watching('ws_quiet')
  expect(events.since('ws_quiet', 0)).toMatchObject([{ seq: 2, reason: 'agents', trigger: { action: 'added' } }])
})

test('a workspace that goes takes its events and its listeners along', async () => {
  const [first, second] = [await temporaryProject(), await temporaryProject()]
  const workspaces = [workspaceAt(first, 'ws_first'), workspaceAt(second, 'ws_second')]
  const { events, next } = await following(workspaces)
  events.note('ws_first', { reason: 'config' })
  await next()
  events.follow(workspaces.slice(1))
  events.forget('ws_first')
  await expect(next()).rejects.toThrow('the feed ended')
  expect(events.since('ws_first', 0)).toEqual([])
  expect(events.cursor).toMatchObject({ cursor: 1, oldestSeq: null })
})

test('200 events are kept over all workspaces, and who is behind them is told so', async () => {
  const { events } = await following([])
  for (let index = 1; index <= 203; index += 1) events.note(index % 2 ? 'ws_odd' : 'ws_even', { reason: 'config' })
  expect(events.cursor).toEqual({ cursor: 203, epoch: expect.any(String), oldestSeq: 4 })
  expect(events.since('ws_odd', 0)).toHaveLength(100)
  expect(events.since('ws_odd', 201).map(({ seq }) => seq)).toEqual([203])
  const { epoch } = events.cursor
  expect(
    [`${epoch}:2`, `${epoch}:3`, `${epoch}:203`, `${epoch}:204`, 'other:203', '', 'x'].map(id => events.placeOf(id)),
  ).toEqual([undefined, 3, 203, undefined, undefined, undefined, undefined])
})
