import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { awaitLeftovers, findLeftovers } from '../../scripts/test/leftovers.ts'
import { readReport } from '../../scripts/test/report.ts'
import { longest, type Timings, timingsOf } from '../../scripts/test/timings.ts'

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
      failures: [
        { place: 'one.test.ts:2', name: 'c', error: expect.stringContaining('expect(received).toBe(expected)') },
      ],
      skipped: ['one.test.ts: b & "c" <d>', 'two.test.ts: e'],
      unreported: [],
    })
  })

  test('count a file that does not load as a failure, and name it', async () => {
    const report = await reportOf({
      'good.test.ts': `test('a', () => { expect(1).toBe(1) })`,
      'unloadable.test.ts': `import './no-such-file.ts'; test('b', () => { expect(1).toBe(1) })`,
    })

    expect(report).toEqual({ passed: 1, failed: 1, failures: [], skipped: [], unreported: ['unloadable.test.ts'] })
  })

  test('count every file of a run that crashed before it could report', async () => {
    const report = await reportOf({
      'crash.test.ts': `test('a', () => { process.kill(process.pid, 'SIGKILL') })`,
      'after.test.ts': `test('b', () => { expect(1).toBe(1) })`,
    })

    expect(report).toMatchObject({ passed: 0, failed: 2, failures: [], unreported: ['crash.test.ts', 'after.test.ts'] })
  })

  test('say of each failure which test it was, and the first lines of what went wrong', async () => {
    const { failures } = await reportOf({
      'nested.test.ts': `
import { describe } from 'bun:test'
describe('a host', () => describe('"that" <ends>', () => {
  test('says & why', () => { expect({ code: 3 }).toEqual({ code: 4 }) })
  test('hangs', () => new Promise(() => {}), 10)
}))
test('says a lot', () => { throw new Error(Array.from({ length: 500 }, (_, line) => 'line ' + line).join('\\n')) })`,
    })

    expect(failures.map(({ place, name }) => `${place} ${name}`)).toEqual([
      'nested.test.ts:5 a host > "that" <ends> > says & why',
      'nested.test.ts:6 a host > "that" <ends> > hangs',
      'nested.test.ts:8 says a lot',
    ])
    const [why, hangs, lot] = failures.map(({ error }) => error)
    expect(why).toMatch(/expect\(received\)\.toEqual\(expected\).*-\s+"code": 4,\n\+\s+"code": 3,/s)
    expect(hangs).toBe('test timed out')
    expect(lot?.split('\n')).toEqual(['Error: line 0', ...Array.from({ length: 11 }, (_, i) => `line ${i + 1}`), '…'])
  })

  test('count a run that failed outside of any test', () => {
    const xml =
      '<testsuites name="bun test" tests="1" failures="0" skipped="0"><testsuite name="x" file="x.test.ts"></testsuite></testsuites>'

    expect(readReport(xml, { files: ['x.test.ts'], exitCode: 1 })).toMatchObject({ passed: 1, failed: 1 })
    expect(readReport(xml, { files: ['x.test.ts'], exitCode: 0 })).toMatchObject({ passed: 1, failed: 0 })
  })
})

describe('the longest files', () => {
  test('are known by their times, and what nothing is known of is taken for a short one', () => {
    const known: Timings = { version: 1, files: { 'long.test.ts': 60_000, 'removed.test.ts': 9_000 } }

    expect(timingsOf(['a.test.ts', 'long.test.ts'], known).files).toEqual({
      'a.test.ts': 1_000,
      'long.test.ts': 60_000,
    })
  })

  test('are all that is noted, as the slowest run had them', () => {
    const runs: Timings[] = [
      { version: 1, files: { 'short.test.ts': 2_900, 'long.test.ts': 4_300, 'longer.test.ts': 5_000 } },
      { version: 1, files: { 'long.test.ts': 8_600 } },
    ]

    expect(JSON.stringify(longest(runs).files)).toBe('{"long.test.ts":9000,"longer.test.ts":5000}')
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
