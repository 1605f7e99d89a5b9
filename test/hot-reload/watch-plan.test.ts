import { expect, test } from 'bun:test'
import { type PlanInput, planWatches } from '../../src/hot-reload/watch/watch-plan.ts'

const input: PlanInput = { worktree: '/repo', env: {}, home: '/home/u', managed: '/etc/opencode' }

const filesOf = (directory: string, more: Partial<PlanInput> = {}): string[] =>
  planWatches(directory, { ...input, ...more }).files.map(({ path }) => path)
const treesOf = (directory: string, more: Partial<PlanInput> = {}): string[] =>
  planWatches(directory, { ...input, ...more }).trees.map(({ path }) => path)

test('the directory and the folders above it, up to the root of the repository and no further', () => {
  const files = filesOf('/repo/a/b')

  for (const folder of ['/repo', '/repo/a', '/repo/a/b'])
    for (const name of ['opencode.json', 'opencode.jsonc', 'AGENTS.md', '.opencode/opencode.json'])
      expect(files).toContain(`${folder}/${name}`)
  expect(files).not.toContain('/opencode.json')
})

test('outside of a repository, up to the root of the file system', () => {
  expect(filesOf('/data/x', { worktree: '/' })).toEqual(
    expect.arrayContaining(['/data/opencode.json', '/opencode.json']),
  )
})

test('every tree of a config folder, under both of its names', () => {
  const names = ['agent', 'command', 'mode', 'plugin', 'skill', 'tool'].flatMap(name => [name, `${name}s`])
  for (const folder of ['/repo/.opencode', '/home/u/.opencode', '/home/u/.config/opencode'])
    expect(treesOf('/repo')).toEqual(expect.arrayContaining(names.map(name => `${folder}/${name}`)))
  expect(treesOf('/repo')).toEqual(
    expect.arrayContaining([
      '/repo/.claude/skills',
      '/repo/.agents/skills',
      '/home/u/.claude/skills',
      '/home/u/.agents/skills',
    ]),
  )
})

test('only the config of the user is read once', () => {
  const { files } = planWatches('/repo', input)
  expect(files.filter(({ isReadOnce }) => isReadOnce).map(({ path }) => path)).toEqual([
    '/home/u/.config/opencode/config.json',
    '/home/u/.config/opencode/opencode.json',
    '/home/u/.config/opencode/opencode.jsonc',
  ])
})

test('the environment of opencode says where the config is', () => {
  const env = { XDG_CONFIG_HOME: '/xdg', OPENCODE_CONFIG_DIR: '/conf', OPENCODE_CONFIG: '/own/config.jsonc' }
  const files = filesOf('/repo', { env })

  expect(files).toEqual(
    expect.arrayContaining(['/xdg/opencode/opencode.json', '/conf/opencode.json', '/own/config.jsonc']),
  )
  expect(files.some(path => path.startsWith('/home/u/.config'))).toBe(false)
  expect(treesOf('/repo', { env })).toContain('/conf/command')
})

test('the environment of opencode switches parts off', () => {
  const noProject = { env: { OPENCODE_DISABLE_PROJECT_CONFIG: '1' } }
  expect(filesOf('/repo', noProject).some(path => path.startsWith('/repo'))).toBe(false)
  expect(treesOf('/repo', noProject).filter(path => path.startsWith('/repo'))).toEqual([
    '/repo/.claude/skills',
    '/repo/.agents/skills',
  ])
  const noClaude = treesOf('/repo', { env: { OPENCODE_DISABLE_CLAUDE_CODE: 'true' } })
  expect(noClaude.filter(path => path.includes('.claude'))).toEqual([])
  expect(noClaude).toContain('/repo/.agents/skills')
  const noOthers = treesOf('/repo', { env: { OPENCODE_DISABLE_EXTERNAL_SKILLS: '1' } })
  expect(noOthers.some(path => path.includes('.agents') || path.includes('.claude'))).toBe(false)
})

test('a folder that is read for two reasons is planned once', () => {
  const { files, trees } = planWatches('/home/u/x', {
    ...input,
    worktree: '/',
    env: { OPENCODE_CONFIG_DIR: '/home/u/.config/opencode' },
  })
  for (const list of [files, trees]) {
    const paths = list.map(({ path }) => path)
    expect(new Set(paths).size).toBe(paths.length)
  }
  expect(files.find(({ path }) => path === '/home/u/.config/opencode/opencode.json')?.isReadOnce).toBe(true)
})
