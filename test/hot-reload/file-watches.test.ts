import { expect, test } from 'bun:test'
import { renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NOTHING } from '../../src/hot-reload/file-watch.ts'
import { watching } from './watching.ts'

const ROUNDS = 15
const command = (text: string): string => `---\ndescription: d\n---\n${text}`
const skill = (name: string): string => `---\nname: ${name}\ndescription: d\n---\nbody`

test('what is there when it begins has been read, and no look tells of it', async () => {
  await using on = await watching({ files: { 'opencode.json': '{}', '.opencode/command/a.md': command('x') } })

  expect(await on.watch.look()).toEqual(NOTHING)
  expect(on.watch.mode).toBe('events')
  expect(on.hints).toBe(0)
})

test('each kind of file is told by what it is and by its name', async () => {
  await using on = await watching({ files: { '.opencode/agent/old.md': command('x') } })

  await on.hintAfter(async () => {
    await on.put('opencode.jsonc', '{"model":"a/b"}')
    await on.put('AGENTS.md', 'hi')
    await on.put('.opencode/commands/git/pick.md', command('x'))
    await on.put('.opencode/agent/old.md', command('y'))
    await on.put('.opencode/modes/plan-b.md', command('x'))
    await on.put('.opencode/skills/deep/er/pdf/SKILL.md', skill('pdf-forms'))
    await on.put('.opencode/plugin/p.ts', 'export {}')
    await on.put('.opencode/tools/t.ts', 'export {}')
    await on.put('.opencode/opencode.json', '{"model":"a/b"}')
    await on.put('.claude/skills/c/SKILL.md', skill('c'))
  })

  expect(await on.changes()).toEqual([
    'added skill c',
    'changed agent old',
    'added command git/pick',
    'added agent plan-b',
    'added config .opencode/opencode.json',
    'added plugin p.ts',
    'added skill pdf-forms',
    'added tool t.ts',
    'added instructions AGENTS.md',
    'added config opencode.jsonc',
  ])
})

test('what opencode and editors put there by themselves does not count', async () => {
  await using on = await watching({
    files: { '.opencode/command/a.md': command('x'), 'opencode.json': '{"model":"a/b"}' },
  })

  for (const name of ['package.json', 'package-lock.json', 'bun.lock', '.gitignore']) {
    await on.put(`.opencode/${name}`, '{}')
    await on.put(`.opencode/plugin/${name}`, '{}')
  }
  await on.put('.opencode/plugin/node_modules/x/index.ts', '')
  for (const name of [
    '.a.md.swp',
    'a.md~',
    '4913',
    '#a.md#',
    'a.md.tmp',
    '.DS_Store',
    '.git/x.md',
    'node_modules/x.md',
  ])
    await on.put(`.opencode/command/${name}`, 'x')
  await on.put('opencode.json', '{ // which model\n "$schema": "https://opencode.ai/config.json", "model": "a/b", }')
  utimesSync(join(on.directory, '.opencode/command/a.md'), 1, 1)
  await on.put('src/main.ts', 'x')

  expect(await on.changes()).toEqual([])
})

test('a config file without settings, as openwork makes one, is as good as none', async () => {
  await using on = await watching()
  for (const text of ['', '{ // later\n}', '{"$schema":"https://opencode.ai/config.json"}']) {
    await on.put('opencode.jsonc', text)
    await on.put('../home/.config/opencode/opencode.json', text)
    expect(await on.changes()).toEqual([])
  }
  await on.put('opencode.jsonc', '{"model":"a/b"}')
  expect(await on.changes()).toEqual(['added config opencode.jsonc'])
  await on.accept()
  await on.put('opencode.jsonc', '{}')
  expect(await on.changes()).toEqual(['changed config opencode.jsonc'])
  await on.accept()
  await rm(join(on.directory, 'opencode.jsonc'))
  expect(await on.changes()).toEqual([])
})

test('accepting a look leaves what changed after it', async () => {
  await using on = await watching()
  await on.put('.opencode/command/a.md', command('1'))
  const look = await on.watch.look()
  await on.put('.opencode/command/a.md', command('2'))
  await on.put('.opencode/command/b.md', command('1'))

  on.watch.accept(look)

  expect(await on.changes()).toEqual(['changed command a', 'added command b'])
  await on.put('.opencode/command/a.md', command('1'))
  await rm(join(on.directory, '.opencode/command/b.md'))
  expect(await on.changes()).toEqual([])
})

test('what changed after opencode had read it counts from the beginning, with a hint', async () => {
  await using on = await watching({ files: { '.opencode/command/a.md': command('x') }, readAtMs: Date.now() - 60_000 })

  expect(on.hints).toBe(1)
  expect(await on.changes()).toEqual(['added command a'])
})

test('folders that are made, renamed, deleted and made anew are seen, time after time', async () => {
  await using on = await watching()
  const dot = join(on.directory, '.opencode')
  for (let round = 0; round < ROUNDS; round++) {
    await on.hintAfter(() => on.put('.opencode/command/a.md', command('1')))
    expect(await on.changes()).toEqual(['added command a'])
    await on.accept()
    await on.hintAfter(() => on.put('.opencode/command/a.md', command('2')))
    expect(await on.changes()).toEqual(['changed command a'])

    await on.hintAfter(() => renameSync(`${dot}/command`, `${dot}/was`))
    expect(await on.changes()).toEqual(['removed command a'])
    await on.hintAfter(() => renameSync(`${dot}/was`, `${dot}/command`))
    await on.hintAfter(() => on.put('.opencode/command/a.md', command('3')))
    expect(await on.changes()).toEqual(['changed command a'])

    await on.hintAfter(async () => {
      rmSync(dot, { recursive: true })
      await on.put('.opencode/command/a.md', command('4'))
    })
    expect(await on.changes()).toEqual(['changed command a'])
    await on.hintAfter(() => on.put('.opencode/command/a.md', command('5')))

    await on.hintAfter(async () => {
      await on.put('.new/command/b.md', command('1'))
      renameSync(dot, `${dot}-old`)
      renameSync(join(on.directory, '.new'), dot)
      rmSync(`${dot}-old`, { recursive: true })
    })
    expect(await on.changes()).toEqual(['removed command a', 'added command b'])
    await on.hintAfter(() => on.put('.opencode/command/b.md', command('2')))

    await on.hintAfter(() => rmSync(dot, { recursive: true }))
    expect(await on.changes()).toEqual(['removed command a'])
    await on.accept()
  }
}, 60_000)

test('without any look in between, a file below folders made one after the other is seen', async () => {
  await using on = await watching()
  for (let round = 0; round < ROUNDS; round++) {
    for (const folder of ['.opencode', '.opencode/skill', '.opencode/skill/a', '.opencode/skill/a/b'])
      await mkdir(join(on.directory, folder))
    await on.hintAfter(() => on.put('.opencode/skill/a/b/SKILL.md', skill(`s${round}`)))
    await on.hintAfter(() => rm(join(on.directory, '.opencode'), { recursive: true }))
  }
  expect(await on.changes()).toEqual([])
})

test('a file saved by way of another one counts as changed, each time', async () => {
  await using on = await watching({ files: { 'opencode.json': '{}', '.opencode/agent/a.md': command('0') } })
  for (let round = 0; round < ROUNDS; round++) {
    await on.hintAfter(async () => {
      await on.put('.opencode/agent/.a.md.tmp', command(`n${round}`))
      await rename(join(on.directory, '.opencode/agent/.a.md.tmp'), join(on.directory, '.opencode/agent/a.md'))
    })
    await on.hintAfter(async () => {
      await on.put('opencode.json.tmp', `{"username":"n${round}"}`)
      await rename(join(on.directory, 'opencode.json.tmp'), join(on.directory, 'opencode.json'))
    })
    expect(await on.changes()).toEqual(['changed agent a', 'changed config opencode.json'])
    await on.accept()
  }
})

test('git checkout of another branch, and back', async () => {
  await using on = await watching()
  await rm(join(on.directory, '.git'), { recursive: true })
  const git = async (...args: string[]): Promise<void> => {
    const { exitCode, stderr } = Bun.spawnSync(['git', '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: on.directory,
    })
    if (exitCode !== 0) throw new Error(stderr.toString())
  }
  await git('init', '-q', '-b', 'main', '.')
  await on.put('.opencode/command/a.md', command('main'))
  await git('add', '.')
  await git('commit', '-qm', 'a')
  await git('checkout', '-qb', 'other')
  await on.put('.opencode/command/a.md', command('other'))
  await on.put('.opencode/skills/s/SKILL.md', skill('s'))
  await git('add', '.')
  await git('commit', '-qm', 'b')
  await git('checkout', '-q', 'main')
  await on.accept()
  for (let round = 0; round < ROUNDS; round++) {
    await on.hintAfter(() => git('checkout', '-q', 'other'))
    expect(await on.changes()).toEqual(['changed command a', 'added skill s'])
    await on.hintAfter(() => git('checkout', '-q', 'main'))
    expect(await on.changes()).toEqual([])
  }
}, 60_000)

test('a skill folder that is a link is watched where it leads to', async () => {
  await using on = await watching({
    files: { 'elsewhere/one/SKILL.md': skill('one'), 'elsewhere/two/SKILL.md': skill('two') },
  })
  await mkdir(join(on.directory, '.opencode/skills'), { recursive: true })
  const link = join(on.directory, '.opencode/skills/linked')
  await on.hintAfter(() => symlink(join(on.directory, 'elsewhere/one'), link))
  expect(await on.changes()).toEqual(['added skill one'])
  await on.accept()

  await on.hintAfter(() => on.put('elsewhere/one/SKILL.md', skill('uno')))
  expect(await on.changes()).toEqual(['changed skill uno'])
  await on.accept()

  await on.hintAfter(() => {
    rmSync(link)
    symlinkSync(join(on.directory, 'elsewhere/two'), link)
  })
  expect(await on.changes()).toEqual(['changed skill two'])
})

test('folders above, up to the root of the repository, and those of the user', async () => {
  await using on = await watching({ below: 'repository' })
  const sub = join(on.directory, 'packages/one')
  await mkdir(sub, { recursive: true })
  let hints = 0
  const below = on.watches.follow({ directory: sub, readAtMs: undefined, onHint: () => void hints++ })
  await below.ready
  await on.put('.opencode/command/top.md', command('x'))
  await on.put('../opencode.json', '{}')
  await mkdir(join(on.home, '.config/opencode/agent'), { recursive: true })
  await writeFile(join(on.home, '.config/opencode/agent/mine.md'), command('x'))
  await mkdir(join(on.home, '.agents/skills/s'), { recursive: true })
  await writeFile(join(on.home, '.agents/skills/s/SKILL.md'), skill('s'))

  const names = (await below.look()).changes.map(({ name }) => name).sort()

  expect(names).toEqual(['mine', 's', 'top'])
  expect((await on.watch.look()).changes).toHaveLength(3)
})

test('folders that directories share are watched once, and no longer when nobody wants them', async () => {
  await using on = await watching()
  const alone = on.watches.count
  const others = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const directory = join(on.directory, '..', `other-${index}`)
      await mkdir(join(directory, '.git'), { recursive: true })
      const watch = on.watches.follow({ directory, readAtMs: undefined, onHint: () => {} })
      await watch.ready
      return watch
    }),
  )
  expect(on.watches.count).toBe(alone + 20)
  for (const watch of others) watch.close()
  expect(on.watches.count).toBe(alone)
  on.watch.close()
  expect(on.watches.count).toBe(0)
})

test('a change of the global config, or of code that is loaded, needs a restart; new code does not', async () => {
  await using on = await watching({ files: { '.opencode/plugin/p.ts': '1', '.opencode/tool/t.ts': '1' } })
  const restart = async (): Promise<boolean> => (await on.watch.look()).needsRestart
  await on.put('.opencode/plugin/new.ts', '1')
  await on.put('opencode.json', '{"username":"x"}')
  expect(await restart()).toBe(false)
  await on.accept()
  await on.put('.opencode/plugin/new.ts', '2')
  expect(await restart()).toBe(true)
  await on.accept()
  expect(await restart()).toBe(false)

  await rm(join(on.directory, '.opencode/tool/t.ts'))
  expect(await restart()).toBe(false)
  await on.accept()
  await on.put('.opencode/tool/t.ts', '2')
  expect(await restart()).toBe(true)
  await on.accept()

  await mkdir(join(on.home, '.config/opencode'), { recursive: true })
  await writeFile(join(on.home, '.config/opencode/opencode.json'), '{"username":"y"}')
  expect(await restart()).toBe(true)
})

test('files that a config file names are watched, and patterns in the last part of a path', async () => {
  await using on = await watching({
    files: {
      'opencode.json': JSON.stringify({
        username: '{file:./secrets/name.txt}',
        instructions: ['docs/*.md', 'RULES.md', '~/mine.md'],
        plugin: ['some-package', './extra/plugin.ts'],
        skills: { paths: ['more-skills'] },
      }),
      'secrets/name.txt': 'a',
    },
  })
  await on.hintAfter(() => on.put('secrets/name.txt', 'b'))
  await on.hintAfter(() => on.put('docs/one.md', 'x'))
  await on.hintAfter(() => on.put('RULES.md', 'x'))
  await on.hintAfter(() => on.put('extra/plugin.ts', 'x'))
  await on.hintAfter(() => on.put('more-skills/s/SKILL.md', skill('s')))
  await on.hintAfter(() => writeFileSync(join(on.home, 'mine.md'), 'x'))
  await on.put('docs/one.txt', 'x')

  expect((await on.changes()).sort()).toEqual([
    'added instructions RULES.md',
    'added instructions docs/one.md',
    'added instructions ~/mine.md',
    'added plugin plugin.ts',
    'added skill s',
    'changed other secrets/name.txt',
  ])
})

test('a rescan finds what the system did not tell, and says nothing when nothing differs', async () => {
  await using on = await watching({ rescanMs: 20, files: { 'target.md': 'x' } })
  // The file itself changes elsewhere than in the folder that is watched.
  await symlink(join(on.directory, 'target.md'), join(on.directory, 'AGENTS.md'))
  await on.accept()
  const before = on.hints
  await on.hintAfter(() => on.put('target.md', 'y'))
  expect(await on.changes()).toEqual(['changed instructions AGENTS.md'])
  expect(on.hints).toBeLessThanOrEqual(before + 2)
})

test('nothing is told after it was closed', async () => {
  await using on = await watching()
  on.watch.close()
  const before = on.hints
  await on.put('.opencode/command/a.md', command('x'))
  await on.watch.look()
  expect(on.hints).toBe(before)
  expect(on.watches.count).toBe(0)
})

test('a directory that is deleted and made again, as a new clone is, goes on being watched', async () => {
  const files = { '.opencode/command/a.md': command('x') }
  await using on = await watching({ files })
  for (const name of ['b', 'c', 'd', 'e']) {
    await on.hintAfter(() => rm(on.directory, { recursive: true }))
    await on.hintAfter(() => mkdir(join(on.directory, '.git'), { recursive: true }))
    await on.put('.opencode/command/a.md', command('x'))
    expect(await on.changes()).toEqual([])

    await on.hintAfter(() => on.put(`.opencode/command/${name}.md`, command('y')))
    expect(await on.changes()).toEqual([`added command ${name}`])
  }
})
