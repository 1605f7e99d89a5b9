import { expect, test } from 'bun:test'
import { symlinkSync, writeFileSync } from 'node:fs'
import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { opencodeClient } from '../../src/api/opencode-client.ts'
import { HotReloads } from '../../src/hot-reload/hot-reloads.ts'
import { reloadEngine } from '../../src/hot-reload/opencode-reload-engine.ts'
import { systemCode } from '../../src/shared/errors.ts'
import { makePipe, testWithPipes } from '../fixtures/pipe.ts'
import { watchedLog } from '../orchestrator/watched-log.ts'
import { startOpencodeStandIn } from './opencode-stand-in.ts'
import { until, watching } from './watching.ts'

const isPosix = process.platform !== 'win32'
const command = (text: string): string => `---\ndescription: d\n---\n${text}`
const range = (length: number): number[] => [...Array(length).keys()]

test.skipIf(!isPosix)(
  'a config that names an endless device is a problem of that config, and nothing is read',
  async () => {
    await using on = await watching({ files: { 'opencode.json': '{"instructions":["{file:/dev/zero}"]}' } })

    expect(await on.problems()).toEqual([
      'opencode.json:1:30 it names /dev/zero, which is a pipe, device or folder, no plain file',
    ])
  },
)

testWithPipes('a pipe where opencode would wait for what is in a file is a problem, and read by nobody', async () => {
  await using on = await watching({ files: { 'opencode.json': '{"username":"{file:./pipe}"}' } })
  const pipes = ['pipe', '.opencode/opencode.jsonc', '.opencode/command/c.md', '.opencode/skills/s/SKILL.md']
  await mkdir(join(on.directory, '.opencode/command'), { recursive: true })
  await mkdir(join(on.directory, '.opencode/skills/s'), { recursive: true })
  for (const path of pipes) await makePipe(join(on.directory, path))
  await mkdir(join(on.directory, 'opencode.jsonc'))

  expect((await on.problems()).sort()).toEqual([
    '.opencode/command/c.md:undefined:undefined it is a pipe, device or folder, no plain file',
    '.opencode/opencode.jsonc:undefined:undefined it is a pipe, device or folder, no plain file',
    '.opencode/skills/s/SKILL.md:undefined:undefined it is a pipe, device or folder, no plain file',
    'opencode.json:1:22 it names pipe, which is a pipe, device or folder, no plain file',
    'opencode.jsonc:undefined:undefined it is a pipe, device or folder, no plain file',
  ])
  for (const path of pipes) await unlink(join(on.directory, path))
  await on.put('pipe', 'me')
  expect(await on.problems()).toHaveLength(1)
})

test('what config files name is read up to a sum, however often and by how many names it is named', async () => {
  const many = range(600).map(index => `{file:./n${index}}`)
  const cases = {
    '{file:./large}{file:./large}{file:./large}{file:./large}{file:./large}': 'with what it names it is larger than',
    '{env:LARGE}{env:LARGE}{env:LARGE}{env:LARGE}{env:LARGE}': 'with what it names it is larger than',
    '{file:./huge}': 'with what it names it is larger than',
    [many.join('')]: 'it names more than 500 files by {file:…}',
  }
  const large = 'x'.repeat(1024 * 1024)
  await using on = await watching({ files: { large, huge: large.repeat(5) }, env: { LARGE: large } })
  for (const [value, told] of Object.entries(cases)) {
    await on.put('opencode.json', JSON.stringify({ username: value }))
    expect((await on.problems())[0]).toStartWith(`opencode.json:1:1 ${told}`)
  }
  await on.put('opencode.json', '{"username":"{file:./huge}"}')
  expect(await on.problems()).toHaveLength(1)
  await on.put('huge', 'small')
  expect(await on.problems()).toEqual([])
})

test('thousands of patterns are left out from a number on, which is told once, and mending them is seen', async () => {
  const instructions = range(20_000).map(index => `d${index}/*.md`)
  await using on = await watching({ files: { 'd1/a.md': 'a', 'opencode.json': JSON.stringify({ instructions }) } })

  expect(on.watch.notes).toEqual([`not watched: more than 500 files that config files of ${on.directory} name`])
  await on.put('d1/a.md', 'b')
  expect(await on.changes()).toEqual(['changed instructions d1/a.md'])
  expect(on.logged.match(/not watched/g)).toHaveLength(1)
  await on.put('opencode.json', '{}')
  await on.accept()
  expect(on.watch.notes).toEqual([])
})

test('hundreds of patterns for a folder of thousands are held against so many names and no more', async () => {
  const instructions = range(400).map(index => `docs/*${index}.md`)
  await using on = await watching({ files: { 'opencode.json': JSON.stringify({ instructions }) } })
  await mkdir(join(on.directory, 'docs'))
  for (const index of range(2_000)) writeFileSync(join(on.directory, `docs/${index}.txt`), '')
  await on.watch.look()

  expect(on.watch.notes[0]).toContain(`such as ${on.directory}/docs`)
})

test('a tree is seen to the last of thousands of files, whatever lies beside what opencode reads', async () => {
  await using on = await watching()
  const tree = join(on.home, 'elsewhere')
  for (const index of range(20)) {
    const folder = join(tree, `s${index}`)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'SKILL.md'), command('x'))
    for (const index of range(300)) writeFileSync(join(folder, `data${index}.bin`), '')
  }
  await mkdir(join(on.directory, '.opencode'))
  await rename(tree, join(on.directory, '.opencode/skills'))

  expect(await on.changes()).toHaveLength(20)
  expect(on.watch.notes).toEqual([])
})

test('what is too much for a tree is told once, by its name', async () => {
  await using on = await watching()
  const tree = join(on.home, '.config/opencode/command')
  await mkdir(join(on.home, 'elsewhere'))
  for (const index of range(40_100)) symlinkSync('nowhere', join(on.home, `elsewhere/c${index}.md`))
  await writeFile(join(on.home, 'elsewhere/a.md'), '')
  await mkdir(join(on.home, '.config/opencode'), { recursive: true })
  await rename(join(on.home, 'elsewhere'), tree)
  await on.put('.opencode/command/own.md', command('x'))

  expect(await on.changes()).toEqual(['added command a', 'added command own'])
  await on.watch.look()
  expect(on.watch.notes).toEqual([`not watched: files in ${tree}, where there are more than 20000`])
  expect(on.logged.match(/not watched/g)).toHaveLength(1)
})

test.skipIf(!isPosix)(
  'links that lead around, devices, folders named like files, and large binaries are no obstacle',
  async () => {
    await using on = await watching({ files: { '.opencode/command/a.md': command('x') } })
    const at = (path: string): string => join(on.directory, path)
    await symlink(at('.opencode'), at('.opencode/command/around'))
    await symlink(at('.opencode/command/self.md'), at('.opencode/command/self.md'))
    await symlink('/dev/zero', at('AGENTS.md'))
    await mkdir(at('.opencode/command/folder.md'))
    await writeFile(at('.opencode/command/large.md'), Buffer.alloc(5 * 1024 * 1024, 0xff))

    expect(await on.changes()).toEqual(['added command large'])
    expect(await on.problems()).toEqual([])
  },
)

test('a look that does not end is given up, and tells why; those of other directories go on', async () => {
  let isAnswering = false
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const configSchema = async () => (isAnswering ? undefined : await promise)
  await using on = await watching({ configSchema, lookLimitMs: 2_000 })
  const other = join(on.home, 'other')
  await mkdir(join(other, '.git'), { recursive: true })
  await on.put('opencode.json', '{"share":"manual"}')

  const first = await on.watch.look().catch((error: unknown) => error)
  expect(systemCode(first)).toBe('workspace_unusable')
  expect(String(first)).toContain('is not read within 2 s')
  expect(systemCode(await on.watch.look().catch((error: unknown) => error))).toBe('workspace_unusable')
  const watch = on.watches.follow({ directory: other, readAtMs: undefined, onHint() {} })
  expect((await watch.look()).changes).toEqual([])

  isAnswering = true
  resolve(undefined)
  await until('it is looked at again', () =>
    on.watch.look().then(
      () => true,
      () => false,
    ),
  )
  expect(await on.changes()).toEqual(['added config opencode.json'])
})

test('a directory that cannot be looked at in time keeps no other one from its reloads, and says so', async () => {
  await using engine = startOpencodeStandIn()
  await using on = await watching({ configSchema: () => new Promise(() => {}), lookLimitMs: 1_000 })
  const [stuck, other] = [join(on.home, 'stuck'), join(on.home, 'other')]
  for (const directory of [stuck, other]) await mkdir(join(directory, '.git'), { recursive: true })
  const { log, says } = watchedLog()
  const watched: Promise<unknown>[] = []
  const reloads = new HotReloads({
    watches: options => {
      const watch = on.watches.follow(options)
      watched.push(watch.ready)
      return watch
    },
    engine: reloadEngine(opencodeClient(engine.options), {
      directories: () => [stuck, other],
      restart: () => engine.restart(),
    }),
    options: { enabled: true, debounceMs: 20, cooldownMs: 0, deadlineMs: 600_000 },
    log,
    onEvent() {},
  })
  try {
    for (const directory of [stuck, other]) reloads.follow(directory, { readAtMs: undefined })
    await Promise.all(watched) // what is written before that is no change
    await until('both are looked at', () => reloads.statuses().every(({ state }) => state === 'current'))
    const told = says(/not read within/)
    await writeFile(join(stuck, 'opencode.json'), '{"share":"manual"}')
    await until('it is looked at', () => reloads.status(stuck)?.state !== 'current')
    await writeFile(join(other, 'AGENTS.md'), 'hi')

    expect(await told).toContain(stuck)
    await until('the other one is reloaded', () => reloads.status(other)?.reloads === 1)
  } finally {
    reloads.close()
  }
})
