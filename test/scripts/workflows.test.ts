// What can be known about the workflows without running them.
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { unpinnedActions } from '../../scripts/release/unpinned-actions.ts'

const ROOT = join(import.meta.dir, '..', '..')
const FOLDER = join(ROOT, '.github', 'workflows')

type Step = { uses?: string; run?: string; with?: Record<string, unknown>; env?: Record<string, string> }
type Permissions = Record<string, string>
type Job = {
  'runs-on': string
  'timeout-minutes'?: number
  needs?: string | string[]
  permissions?: Permissions
  strategy?: { matrix: object }
  steps: Step[]
}
type Workflow = { name: string; permissions?: Permissions; jobs: Record<string, Job> }

const files = (await readdir(FOLDER)).sort()
const texts = new Map(
  await Promise.all(files.map(async file => [file, await readFile(join(FOLDER, file), 'utf8')] as const)),
)
const workflows = [...texts].map(([file, text]) => ({ file, workflow: parse(text) as Workflow }))
const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ name: `${file}: ${name}`, job, workflow })),
)
const release = workflows.find(({ file }) => file === 'release.yml')?.workflow

test('there are workflows to look at', () => {
  expect(files).toEqual(['ci.yml', 'pin.yml', 'release.yml'])
})

describe.each([...texts])('%s', (_, text) => {
  test('pins every action by its commit', () => {
    expect(unpinnedActions(text)).toEqual([])
  })

  test('puts nothing that others can write into a command line', () => {
    const workflow = parse(text) as Workflow
    const commands = Object.values(workflow.jobs).flatMap(job => job.steps.flatMap(step => step.run ?? []))
    expect(commands.filter(command => command.includes('${{'))).toEqual([])
  })
})

test('the check for pins sees a tag, a branch, a short commit and a missing version', () => {
  const commit = '1'.repeat(40)
  const uses = [`a/b@${commit} # v1.2.3`, './local', 'a/b@v4', 'a/b@main', 'a/b@1111111 # v1', `a/b@${commit}`]
  expect(unpinnedActions(uses.map(use => `      - uses: ${use}`).join('\n'))).toEqual(uses.slice(2))
})

describe.each(jobs)('$name', ({ job, workflow }) => {
  test('has a time limit, and no right that it does not name', () => {
    expect(job['timeout-minutes']).toBeGreaterThan(0)
    const rights = job.permissions ?? workflow.permissions
    expect(rights).toBeDefined()
    const writes = Object.entries(rights ?? {}).filter(([, level]) => level !== 'read')
    for (const [right] of writes)
      expect(['contents', 'packages', 'id-token', 'attestations', 'pull-requests']).toContain(right)
  })

  test('leaves no token behind for what it runs', () => {
    for (const step of job.steps)
      if (step.uses?.startsWith('actions/checkout@')) expect(step.with?.['persist-credentials']).toBe(false)
    expect(job.steps.filter(step => step.uses || step.run)).toEqual(job.steps)
  })

  test('runs only scripts that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
    for (const { run = '' } of job.steps) {
      for (const [, script] of run.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(script ?? '')
      for (const [path] of run.matchAll(/(?:build|scripts)\/\S+\.(?:sh|ps1)/g))
        expect(existsSync(join(ROOT, path))).toBe(true)
      for (const [path] of run.matchAll(/\btest\/[\w/-]+/g))
        expect([path, `${path}.test.ts`].some(each => existsSync(join(ROOT, each)))).toBe(true)
    }
  })
})

describe('the release', () => {
  const rightsOf = (right: string) =>
    Object.entries(release?.jobs ?? {})
      .filter(([, { permissions }]) => permissions?.[right] === 'write')
      .map(([name]) => name)
  const needs = (name: string): string[] => {
    const direct = [release?.jobs[name]?.needs ?? []].flat()
    return [...new Set(direct.flatMap(each => [each, ...needs(each)]))]
  }

  test('gives each right to the one job that needs it', () => {
    expect(release?.permissions).toEqual({})
    expect(rightsOf('contents')).toEqual(['github-release'])
    expect(rightsOf('packages')).toEqual(['image'])
    expect(rightsOf('attestations')).toEqual(['package'])
    expect(rightsOf('id-token')).toEqual(['package', 'npm'])
  })

  test('writes the hashes after signing, and publishes nothing that was not checked', () => {
    expect(needs('package')).toEqual(expect.arrayContaining(['build', 'sign-macos', 'sign-windows']))
    for (const name of ['github-release', 'npm', 'homebrew', 'image']) expect(needs(name)).toContain('package')
    for (const name of ['npm', 'homebrew', 'image']) expect(needs(name)).toContain('github-release')
    const commands = release?.jobs.build?.steps.flatMap(step => step.run ?? []) ?? []
    const check = commands.findIndex(command => command.startsWith('npm run release:check -- --strict --tag'))
    expect(check).toBeGreaterThan(-1)
    expect(check).toBeLessThan(commands.findIndex(command => command.startsWith('npm run build:all')))
  })

  test('becomes the latest one when it is complete', () => {
    const commands = release?.jobs['github-release']?.steps.flatMap(step => step.run ?? []) ?? []
    expect(commands.at(-1)).toBe('gh release edit "$GITHUB_REF_NAME" --draft=false --latest')
    expect(commands.findIndex(command => command.startsWith('gh release upload'))).toBe(commands.length - 2)
  })

  test('has no token of npm', () => {
    expect(texts.get('release.yml')).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/)
  })
})

describe('new pins of opencode', () => {
  const { pin, propose } = workflows.find(({ file }) => file === 'pin.yml')?.workflow.jobs ?? {}

  test('are made by a job that may change nothing, and proposed by one that runs no code of the repository', () => {
    expect(pin?.permissions).toEqual({ contents: 'read' })
    expect(pin?.steps.some(({ run }) => run?.includes('npm run pin:opencode'))).toBe(true)
    expect(propose?.permissions).toEqual({ contents: 'write', 'pull-requests': 'write' })
    const commands = propose?.steps.flatMap(({ run, uses }) => [...(run?.split('\n') ?? []), uses ?? '']) ?? []
    expect(commands.filter(command => /^\s*(?:npm|node)\s|setup-node/.test(command))).toEqual([])
  })

  test('are those of the file that openwork is built with', () => {
    const path = /^ {2}PINS: (\S+)$/m.exec(texts.get('pin.yml') ?? '')?.[1]
    expect(existsSync(join(ROOT, path ?? 'missing'))).toBe(true)
  })
})
