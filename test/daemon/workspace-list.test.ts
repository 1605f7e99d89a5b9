import { expect, test } from 'bun:test'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DaemonEvent, DaemonWorkspace } from '../../src/api/daemon.ts'
import { KeptCredentials } from '../../src/daemon/remote-credentials.ts'
import { StateFile } from '../../src/daemon/state-file.ts'
import { MAX_WORKSPACES, WorkspaceList } from '../../src/daemon/workspace-list.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { secret } from '../../src/shared/secret.ts'
import { testUnless } from '../e2e/harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from '../e2e/small-disk.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { temporaryFolder } from '../supervisor/support.ts'
import { failureOf } from './failure-of.ts'

/** A list over files in `folder`; what it publishes and tells is kept. */
async function openList(folder: string, publish: (all: readonly DaemonWorkspace[]) => void = () => {}) {
  const { log, lines } = listeningLog()
  const path = join(folder, 'state.json')
  const credentialsPath = join(folder, 'credentials.json')
  const state = await StateFile.open(path, log)
  const credentials = await KeptCredentials.open(credentialsPath, log)
  const published: (readonly DaemonWorkspace[])[] = []
  const events: DaemonEvent[] = []
  const list = new WorkspaceList({
    state,
    credentials,
    log,
    publish: async all => {
      publish(all)
      published.push(all)
    },
    onEvent: event => events.push(event),
  })
  return {
    list,
    credentials,
    credentialsPath,
    events,
    lines,
    log,
    published,
    path,
    onDisk: () => JSON.parse(readFileSync(path, 'utf8')),
  }
}

function newFolder(parent: string, ...names: string[]): string {
  const path = join(realpathSync(parent), ...names)
  mkdirSync(path, { recursive: true })
  return path
}

test('folders are listed in order, the first is active, and all of it is on disk for its owner alone', async () => {
  await using folder = temporaryFolder()
  const { list, onDisk, path, published, events } = await openList(folder.path)
  const [a, b] = [newFolder(folder.path, 'a'), newFolder(folder.path, 'b')]
  const { workspace: first } = await list.add({ path: a, name: undefined })
  const { workspace: second } = await list.add({ path: b, name: 'Bee' })
  expect([first.name, second.name, list.activeId]).toEqual(['a', 'Bee', first.id])
  expect(onDisk()).toEqual({ version: 1, activeId: first.id, workspaces: [first, second] })
  expect(readFileSync(path, 'utf8')).toEndWith('\n}\n')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(existsSync(join(a, 'opencode.jsonc'))).toBe(true)

  await list.activate(second.id)
  expect(published.at(-1)?.map(({ id }) => id)).toEqual([second.id, first.id])
  expect(events.map(({ event }) => event)).toEqual(['workspace.added', 'workspace.added', 'workspace.activated'])
  expect((await openList(folder.path)).list.all).toEqual(list.all)
})

test('a folder that is missing is made where the one above it is there', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const added = await list.add({ path: join(folder.path, 'new'), name: undefined })
  expect([added.created, statSync(added.workspace.path).isDirectory()]).toEqual([true, true])
  expect((await list.add({ path: added.workspace.path, name: undefined })).created).toBe(false)
  const typo = await failureOf(list.add({ path: join(folder.path, 'no', 'such', 'place'), name: undefined }))
  expect(typo.code).toBe('workspace_not_found')
  expect(existsSync(join(folder.path, 'no'))).toBe(false)
})

test('what can be no workspace is refused, and nothing changes', async () => {
  await using folder = temporaryFolder()
  const { list, path } = await openList(folder.path)
  const file = join(folder.path, 'file')
  writeFileSync(file, '')
  for (const [wrong, code] of [
    [file, 'workspace_not_a_folder'],
    [join(file, 'below'), 'workspace_not_a_folder'],
    ['relative/path', 'invalid_payload'],
    [`${folder.path}/a\0b`, 'invalid_payload'],
  ] as const)
    expect((await failureOf(list.add({ path: wrong, name: undefined }))).code).toBe(code)
  expect([list.size, existsSync(path)]).toEqual([0, false])
})

test('a folder is one workspace by whatever path, and keeps its age when it is added again', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const real = newFolder(folder.path, 'a')
  symlinkSync(real, join(folder.path, 'link'))
  const { workspace: first } = await list.add({ path: real, name: undefined })
  const again = await list.add({ path: join(folder.path, 'link'), name: undefined })
  expect(again).toEqual({ workspace: first, wasListed: true, created: false, notes: [] })
  const renamed = await list.add({ path: `${real}/../a/`, name: 'renamed' })
  expect(renamed.workspace).toEqual({ ...first, name: 'renamed' })
  expect(list.size).toBe(1)
})

test('one is found by id, by name, and by path, also when its folder is gone', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const [a, b] = [newFolder(folder.path, 'x', 'same'), newFolder(folder.path, 'y', 'same')]
  const { workspace: first } = await list.add({ path: a, name: undefined })
  const { workspace: second } = await list.add({ path: b, name: undefined })
  expect(list.find(first.id)).toEqual(first)
  expect(list.find(b)).toEqual(second)
  expect(list.find(`${b}/`)).toEqual(second)
  rmSync(b, { recursive: true })
  expect(list.find(b)).toEqual(second)

  const both = caught(() => list.find('same'))
  expect([both.code, both.details]).toEqual(['workspace_ambiguous', { ids: [first.id, second.id] }])
  expect(both.hint).toContain(second.id)
  await list.rename(second.id, 'other')
  expect(list.find('same')).toEqual(first)
  expect(caught(() => list.find('none')).code).toBe('workspace_not_found')
  // An id that is somebody's name means the id.
  await list.rename(second.id, first.id)
  expect(list.find(first.id).id).toBe(first.id)
})

test('a name that another one has is taken, and said', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const { workspace: first } = await list.add({ path: newFolder(folder.path, 'x', 'blog'), name: undefined })
  const second = await list.add({ path: newFolder(folder.path, 'y', 'notes'), name: 'blog' })
  expect(second.notes).toEqual([`"blog" is the name of ${first.id} too: tell them apart by id or path`])
  const remote = { directory: undefined, credentials: undefined, baseUrl: 'https://box:4096/opencode' }
  expect((await list.addRemote({ ...remote, name: 'blog' })).notes).toHaveLength(1)
  expect(await list.addRemote({ ...remote, name: 'box' })).toMatchObject({ wasListed: true, notes: [] })
})

test('a name can be taken back', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const { id } = (await list.add({ path: newFolder(folder.path, 'a'), name: 'given' })).workspace
  expect((await list.rename(id, null)).name).toBe('a')
  const remote = { directory: undefined, name: 'given', credentials: undefined }
  const box = (await list.addRemote({ ...remote, baseUrl: 'https://box:4096/opencode' })).workspace
  expect((await list.rename(box.id, null)).name).toBe('box')
  expect((await failureOf(list.rename('ws-none', 'x'))).code).toBe('workspace_not_found')
})

test('when the active one is removed the next one takes its place, and files stay', async () => {
  await using folder = temporaryFolder()
  const { list } = await openList(folder.path)
  const ids: string[] = []
  for (const name of ['a', 'b', 'c'])
    ids.push((await list.add({ path: newFolder(folder.path, name), name: undefined })).workspace.id)
  await list.activate('b')
  await list.remove('b')
  expect([list.activeId, existsSync(join(folder.path, 'b', 'opencode.jsonc'))]).toEqual([ids[2] ?? '', true])
  await list.remove('c')
  expect(list.activeId).toBe(ids[0] ?? '')
  await list.remove('a')
  expect([list.activeId, list.size]).toEqual(['', 0])
  expect((await failureOf(list.remove('a'))).code).toBe('workspace_not_found')
})

test('remote ones keep their credentials to themselves', async () => {
  await using folder = temporaryFolder()
  const { list, credentials, credentialsPath, path, events, log } = await openList(folder.path)
  const { workspace: added } = await list.addRemote({
    baseUrl: 'http://me:hunter22@box:4096/',
    directory: '/srv/project',
    name: undefined,
    credentials: undefined,
  })
  expect(added).toMatchObject({ name: 'project@box', baseUrl: 'http://box:4096', path: '/srv/project' })
  expect([credentials.of(added.id)?.username.reveal(), credentials.of(added.id)?.password.reveal()]).toEqual([
    'me',
    'hunter22',
  ])
  expect(statSync(credentialsPath).mode & 0o777).toBe(0o600)
  expect(JSON.stringify([readFileSync(path, 'utf8'), list.all, events])).not.toContain('hunter22')
  const masked = log.redactor.text(`it says hunter22 and ${btoa('me:hunter22')}; me, it says`)
  expect(masked).toBe('it says [REDACTED] and [REDACTED]; me, it says')

  // Added again without credentials: those it has stay. With others: those count.
  const again = { baseUrl: 'HTTP://BOX:4096', directory: '/srv/project', name: undefined }
  expect((await list.addRemote({ ...again, credentials: undefined })).workspace.id).toBe(added.id)
  expect(credentials.of(added.id)?.password.reveal()).toBe('hunter22')
  const other = { username: secret('you'), password: secret('other-one') }
  await list.addRemote({ ...again, credentials: other })
  expect((await openList(folder.path)).credentials.of(added.id)?.password.reveal()).toBe('other-one')
  expect(list.size).toBe(1)

  await list.remove(added.id)
  expect(readFileSync(credentialsPath, 'utf8')).not.toContain('other-one')
})

test('at most so many, and those that are listed can still be added again', async () => {
  await using folder = temporaryFolder()
  const path = newFolder(folder.path, 'a')
  const workspaces = Array.from({ length: MAX_WORKSPACES }, (_, number) => ({
    id: `ws-${number}`,
    name: `${number}`,
    path: number === 0 ? path : `/nowhere/${number}`,
    workspaceType: 'local',
    createdAt: 1,
  }))
  writeFileSync(join(folder.path, 'state.json'), JSON.stringify({ version: 1, activeId: '', workspaces }))
  const { list } = await openList(folder.path)
  const one = { name: undefined, credentials: undefined, directory: undefined }
  expect((await failureOf(list.add({ path: join(folder.path, 'b'), name: undefined }))).code).toBe(
    'workspace_limit_reached',
  )
  expect((await failureOf(list.addRemote({ ...one, baseUrl: 'http://b' }))).code).toBe('workspace_limit_reached')
  expect(existsSync(join(folder.path, 'b'))).toBe(false)
  expect((await list.add({ path, name: undefined })).workspace.id).toBe('ws-0')
})

test('last use is told at once, and written down later', async () => {
  await using folder = temporaryFolder()
  const { list, onDisk } = await openList(folder.path)
  const { id } = (await list.add({ path: newFolder(folder.path, 'a'), name: undefined })).workspace
  list.used(id, 1_000)
  list.used(id, 500)
  list.used('ws-none', 1_000)
  expect(list.find(id).lastUsedAt).toBe(1_000)
  expect(onDisk().workspaces[0].lastUsedAt).toBeUndefined()
  await list.noteUse()
  expect(onDisk().workspaces[0].lastUsedAt).toBe(1_000)
})

test('what cannot be published did not happen', async () => {
  await using folder = temporaryFolder()
  let isFull = false
  const { list, onDisk, events } = await openList(folder.path, () => {
    if (isFull) throw new OpenworkError('disk_full', 'No space left')
  })
  const { workspace: first } = await list.add({ path: newFolder(folder.path, 'a'), name: undefined })
  isFull = true
  for (const change of [
    () => list.add({ path: newFolder(folder.path, 'b'), name: undefined }),
    () => list.rename(first.id, 'x'),
    () => list.remove(first.id),
  ])
    expect((await failureOf(change())).code).toBe('disk_full')
  expect([list.all, onDisk().workspaces, onDisk().activeId]).toEqual([[first], [first], first.id])
  expect(events).toHaveLength(1)
})

const scratch = mkdtempSync(join(tmpdir(), 'openwork-no-disk-'))
const whereDisksCanBeMounted = testUnless(whyNoSmallDisk(scratch))
rmdirSync(scratch)

whereDisksCanBeMounted('on a full disk a change is refused, and memory and disk agree', async () => {
  await using folder = temporaryFolder()
  await using disk = mountSmallDisk(join(folder.path, 'disk'))
  const { list, onDisk } = await openList(disk.path)
  const { workspace: first } = await list.add({ path: newFolder(folder.path, 'a'), name: undefined })
  disk.fill(0)
  expect((await failureOf(list.add({ path: newFolder(folder.path, 'b'), name: undefined }))).code).toBe('disk_full')
  expect(
    (
      await failureOf(
        list.addRemote({
          baseUrl: 'http://u:password@b',
          directory: undefined,
          name: undefined,
          credentials: undefined,
        }),
      )
    ).code,
  ).toBe('disk_full')
  expect([list.all, onDisk().workspaces]).toEqual([[first], [first]])
  disk.free()
  await list.add({ path: newFolder(folder.path, 'b'), name: undefined })
  expect(onDisk().workspaces).toEqual(list.all)
  expect(readdirSync(disk.path).sort()).toEqual(['state.json'])
})

function caught(work: () => unknown): OpenworkError {
  try {
    work()
  } catch (error) {
    if (error instanceof OpenworkError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
