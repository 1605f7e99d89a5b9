import { expect, test } from 'bun:test'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDaemonState, StateFile } from '../../src/daemon/state-file.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { temporaryFolder } from '../supervisor/support.ts'
import { failureOf } from './failure-of.ts'

const WORKSPACE = { id: 'ws-1', name: 'a', path: '/a', workspaceType: 'local', createdAt: 1 }

test('what other versions have put there is kept', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'state.json')
  const content = { version: 1, activeId: 'ws-1', workspaces: [{ ...WORKSPACE, color: 'red' }], theirs: { a: [1] } }
  writeFileSync(path, JSON.stringify(content))
  const { log, lines } = listeningLog()
  const file = await StateFile.open(path, log)
  await file.change(state => ({ ...state, cliVersion: '1.2.3' }))
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ ...content, cliVersion: '1.2.3' })
  expect(lines).toEqual([])
})

test('a file that is no state is set aside, said, and nothing of it is lost', async () => {
  for (const content of ['', '{', '[]', '{"version":2,"activeId":"","workspaces":[]}', '{"version":1}']) {
    await using folder = temporaryFolder()
    const path = join(folder.path, 'state.json')
    writeFileSync(path, content)
    const { log, lines } = listeningLog()
    expect((await readDaemonState(path)).workspaces).toEqual([])
    const file = await StateFile.open(path, log)
    expect(file.state).toEqual({ version: 1, activeId: '', workspaces: [] })
    expect(readFileSync(`${path}.broken`, 'utf8')).toBe(content)
    expect(lines).toHaveLength(1)
  }
})

test('entries that are no workspaces are left out, and a copy is kept', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'state.json')
  const bad = [
    null,
    { ...WORKSPACE, id: 1 },
    { ...WORKSPACE, path: 'relative' },
    { ...WORKSPACE, workspaceType: 'remote' },
    { ...WORKSPACE, workspaceType: 'remote', baseUrl: 'nonsense' },
    { ...WORKSPACE, workspaceType: 'remote', baseUrl: 'http://me:secret@box' },
    { ...WORKSPACE, id: '' },
  ]
  const text = JSON.stringify({ version: 1, activeId: 'ws-gone', workspaces: [...bad, WORKSPACE, WORKSPACE] })
  writeFileSync(path, text)
  const { log, lines } = listeningLog()
  const { state } = await StateFile.open(path, log)
  expect([state.activeId, state.workspaces]).toEqual(['ws-1', [WORKSPACE as never]])
  expect(readFileSync(`${path}.broken`, 'utf8')).toBe(text)
  expect(lines).toHaveLength(1)
})

test('a state that cannot be read is no empty one', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'state.json')
  mkdirSync(path)
  const { log } = listeningLog()
  expect((await failureOf(StateFile.open(path, log))).code).toBe('daemon_state_unusable')
  expect((await failureOf(readDaemonState(path))).code).toBe('daemon_state_unusable')
})

test('changes come one after the other, and one that throws leaves everything as it was', async () => {
  await using folder = temporaryFolder()
  const path = join(folder.path, 'state.json')
  const { log } = listeningLog()
  const file = await StateFile.open(path, log)
  const seen = Promise.all(
    Array.from({ length: 20 }, (_, number) =>
      file
        .change(state => {
          if (number === 7) throw new TypeError('a bug')
          return { ...state, cliVersion: `${state.cliVersion ?? ''}${number} ` }
        })
        .catch(error => error.message),
    ),
  )
  expect((await seen).filter(Boolean)).toEqual(['a bug'])
  expect(JSON.parse(readFileSync(path, 'utf8')).cliVersion).toBe('0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 16 17 18 19 ')
})
