import { expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { OpenworkError } from '../../src/shared/errors.ts'
import { executableFiles } from '../../src/upgrade/executable-files.ts'
import { replaceExecutable, settle } from '../../src/upgrade/replace-executable.ts'
import { failure } from '../sidecars/kit.ts'
import { fixture, temporaryFolder } from '../supervisor/support.ts'

function box() {
  const folder = temporaryFolder()
  const path = join(folder.path, 'openwork')
  const { next, previous } = executableFiles(path)
  const put = (file: string, text: string): void => {
    writeFileSync(file, text)
    chmodSync(file, 0o755)
  }
  put(path, 'old')
  put(next, 'new')
  const read = (name: string): string => readFileSync(join(folder.path, name), 'utf8')
  return {
    path,
    next,
    previous,
    put,
    read,
    at: (name: string): string => join(folder.path, name),
    names: () => readdirSync(folder.path).sort(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

const fine = async (): Promise<void> => {}

test('the new one takes the name, the old one is kept', async () => {
  await using it = box()

  await replaceExecutable(it.path, fine)

  expect(it.names()).toEqual(['openwork', 'openwork.previous'])
  expect([it.read('openwork'), it.read('openwork.previous')]).toEqual(['new', 'old'])
})

test('other names that were links to the old one follow; a stranger of that name is left alone', async () => {
  await using it = box()
  linkSync(it.path, it.at('openwork-server'))
  it.put(it.at('opencode-router'), "somebody's own")

  await replaceExecutable(it.path, fine)

  expect(statSync(it.at('openwork-server')).ino).toBe(statSync(it.path).ino)
  expect(it.read('opencode-router')).toBe("somebody's own")
  expect(it.names()).toEqual(['opencode-router', 'openwork', 'openwork-server', 'openwork.previous'])
})

test('symbolic links to it need nothing', async () => {
  await using it = box()
  symlinkSync('openwork', it.at('openwork-server'))

  await replaceExecutable(it.path, fine)

  expect(it.read('openwork-server')).toBe('new')
  expect(it.names()).toEqual(['openwork', 'openwork-server', 'openwork.previous'])
})

test('one that does not stand the look at it in its place is taken away again, and the one of before stays', async () => {
  await using it = box()
  it.put(it.previous, 'older')

  const error = await failure(
    replaceExecutable(it.path, async () => {
      expect(it.read('openwork')).toBe('new')
      throw new OpenworkError('upgrade_failed', 'it does not run')
    }),
  )

  expect(error.message).toBe('it does not run')
  expect(it.names()).toEqual(['openwork', 'openwork.previous'])
  expect([it.read('openwork'), it.read('openwork.previous')]).toEqual(['old', 'older'])
})

test('killed in the middle it leaves a whole one, and the next upgrade keeps that', async () => {
  await using it = box()
  linkSync(it.path, it.at('openwork-server'))

  const child = Bun.spawn([...fixture('replaces-executable', it.path)], { stdout: 'inherit', stderr: 'inherit' })
  await child.exited

  expect(child.signalCode).toBe('SIGKILL')
  expect(it.read('openwork')).toBe('new')
  await settle(it.path)
  expect([it.read('openwork'), it.read('openwork.previous')]).toEqual(['new', 'old'])
  expect(it.names()).not.toContain('openwork.previous.new')
  it.put(it.next, 'newer')
  await replaceExecutable(it.path, fine)
  expect([it.read('openwork'), it.read('openwork.previous'), it.read('openwork-server')]).toEqual([
    'newer',
    'new',
    'newer',
  ])
})

test('killed before the new one has its name, the old one has it, and the next upgrade is like any other', async () => {
  await using it = box()
  linkSync(it.path, it.at('openwork.previous.new'))

  await replaceExecutable(it.path, fine)

  expect(it.names()).toEqual(['openwork', 'openwork.previous'])
  expect([it.read('openwork'), it.read('openwork.previous')]).toEqual(['new', 'old'])
})

test('a copy that was cut off does not take the place of the one of before', async () => {
  await using it = box()
  it.put(it.previous, 'older')
  it.put(it.at('openwork.previous.new.copying'), 'ol')

  await settle(it.path)

  expect(it.names()).toEqual(['openwork', 'openwork.next', 'openwork.previous'])
  expect(it.read('openwork.previous')).toBe('older')
})

test('without a new one nothing happens but a failure', async () => {
  await using it = box()
  await replaceExecutable(it.path, fine)
  expect(existsSync(it.next)).toBe(false)

  expect((await failure(replaceExecutable(it.path, fine))).code).toBe('upgrade_failed')

  expect([it.read('openwork'), it.read('openwork.previous')]).toEqual(['new', 'old'])
})

test('names on Windows keep their ending', () => {
  expect(executableFiles('C:\\bin\\openwork.exe')).toEqual({
    previous: 'C:\\bin\\openwork.previous.exe',
    next: 'C:\\bin\\openwork.next.exe',
  })
})

test('a folder in the place of the kept one leaves everything as it was', async () => {
  await using it = box()
  mkdirSync(it.previous)

  expect(await failure(replaceExecutable(it.path, fine))).toMatchObject({ code: 'upgrade_failed' })

  expect(it.read('openwork')).toBe('old')
  expect(it.names()).toEqual(['openwork', 'openwork.previous'])
})
