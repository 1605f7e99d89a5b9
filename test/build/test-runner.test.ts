import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { awaitLeftovers, findLeftovers } from '../../scripts/test/leftovers.ts'
import { readReport } from '../../scripts/test/report.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-runner-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** The report of a real `bun test` run of files with these contents. */
async function reportOf(contents: Record<string, string>) {
  const files = Object.keys(contents)
  for (const [file, content] of Object.entries(contents))
    await writeFile(join(folder, file), `import { test, expect } from 'bun:test'\n${content}\n`)
  const outfile = join(folder, `${crypto.randomUUID()}.xml`)
  const report = ['--reporter=junit', `--reporter-outfile=${outfile}`]
  const { exitCode } = Bun.spawnSync([process.execPath, 'test', ...report, ...files.map(file => `./${file}`)], {
    cwd: folder,
    timeout: 20_000,
  })
  return readReport(await readFile(outfile, 'utf8').catch(() => undefined), { files, exitCode })
}

describe('the totals of a test run', () => {
  test('count what passed and failed, and name what was skipped, over all files', async () => {
    const report = await reportOf({
      'one.test.ts': `test('a', () => { expect(1).toBe(1) }); test.skip('b & "c" <d>', () => {}); test('c', () => { expect(1).toBe(2) })`,
      'two.test.ts': `test('d', () => { expect(1).toBe(1) }); test.todo('e')`,
    })

    expect(report).toEqual({
      passed: 2,
      failed: 1,
      skipped: ['one.test.ts: b & "c" <d>', 'two.test.ts: e'],
      unreported: [],
    })
  })

  test('count a file that does not load as a failure, and name it', async () => {
    const report = await reportOf({
      'good.test.ts': `test('a', () => { expect(1).toBe(1) })`,
      'unloadable.test.ts': `import './no-such-file.ts'; test('b', () => { expect(1).toBe(1) })`,
    })

    expect(report).toEqual({ passed: 1, failed: 1, skipped: [], unreported: ['unloadable.test.ts'] })
  })

  test('count every file of a run that crashed before it could report', async () => {
    const report = await reportOf({
      'crash.test.ts': `test('a', () => { process.kill(process.pid, 'SIGKILL') })`,
      'after.test.ts': `test('b', () => { expect(1).toBe(1) })`,
    })

    expect(report).toEqual({ passed: 0, failed: 2, skipped: [], unreported: ['crash.test.ts', 'after.test.ts'] })
  })

  test('count a run that failed outside of any test', () => {
    const xml =
      '<testsuites name="bun test" tests="1" failures="0" skipped="0"><testsuite name="x" file="x.test.ts"></testsuite></testsuites>'

    expect(readReport(xml, { files: ['x.test.ts'], exitCode: 1 })).toMatchObject({ passed: 1, failed: 1 })
    expect(readReport(xml, { files: ['x.test.ts'], exitCode: 0 })).toMatchObject({ passed: 1, failed: 0 })
  })
})

describe('npm test', () => {
  test('ends with totals and fails when its dependencies cannot be installed', async () => {
    const root = resolve(import.meta.dir, '..', '..')
    const checkout = await mkdtemp(join(folder, 'checkout-'))
    await cp(join(root, 'scripts'), join(checkout, 'scripts'), { recursive: true })
    await cp(join(root, '.ci'), join(checkout, '.ci'), { recursive: true })
    for (const file of ['package.json', 'package-lock.json']) await cp(join(root, file), join(checkout, file))
    const { PATH = '' } = process.env
    // An empty cache and no network: the very install fails, in npm's own words.
    const env = { PATH, HOME: checkout, npm_config_offline: 'true', npm_config_cache: join(checkout, 'cache') }

    const ran = Bun.spawnSync(['bash', join(checkout, '.ci', 'run')], { env, timeout: 60_000 })

    expect(ran.stdout.toString().trim().split('\n').at(-1)).toBe('0 passed, 1 failed')
    expect(ran.stderr.toString()).toContain('Installing dependencies failed')
    expect(ran.exitCode).not.toBe(0)
  }, 60_000)
})

describe.skipIf(process.platform !== 'linux')('processes that tests left', () => {
  const waits = [process.execPath, '-e', 'await Bun.stdin.text()']

  test('are found by their environment, their working folder and their arguments', async () => {
    const marker = `openwork-marker-${crypto.randomUUID()}`
    const marked = join(folder, marker)
    await writeFile(marked, '')
    const place = await mkdtemp(join(folder, `${marker}-`))
    await using byEnvironment = Bun.spawn(waits, { env: { MARK: marker }, stdin: 'pipe' })
    await using byFolder = Bun.spawn(waits, { env: {}, cwd: place, stdin: 'pipe' })
    await using byArgument = Bun.spawn([...waits, marked], { env: {}, stdin: 'pipe' })
    await using unmarked = Bun.spawn(waits, { env: {}, stdin: 'pipe' })

    const found = (await findLeftovers(marker)) ?? []

    expect(new Set(found.map(({ pid }) => pid))).toEqual(new Set([byEnvironment.pid, byFolder.pid, byArgument.pid]))
    expect(found.map(({ pid }) => pid)).not.toContain(unmarked.pid)
    expect(found[0]?.command).toContain(basename(process.execPath))
  })

  test('are none once they have ended', async () => {
    const marker = `openwork-marker-${crypto.randomUUID()}`
    await using child = Bun.spawn(waits, { env: { MARK: marker }, stdin: 'pipe' })
    expect(await findLeftovers(marker)).toHaveLength(1)

    child.stdin.end()

    expect(await awaitLeftovers(marker, 20_000)).toEqual([])
  })
})
