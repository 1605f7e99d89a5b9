// npm test [-- <part of a path>…]
//
// Everything that must hold: static checks, the build, the tests of the sources and those of the built executable (the
// HTTP tests of openwork-server run for both), that these called every route it describes, and that no process of theirs
// is left. With parts of paths: the build, and the test files whose path contains one.
// The last line holds the totals, `N passed, N failed`, whatever happens; a static check counts as one. What was skipped
// and each failure stand right above it, as the middle of a long log is often not kept.
//
// With `--update-timings` it also notes how long the longest files took, in scripts/test/timings.json: those are begun
// first, so that no worker is left alone with one at the end.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { systemCode } from '../src/shared/errors.ts'
import { awaitLeftovers } from './test/leftovers.ts'
import { readReport } from './test/report.ts'
import { describedRoutes, readCalls, routeCoverage } from './test/route-coverage.ts'
import { EXEMPTIONS } from './test/route-exemptions.ts'
import { longest, type Timings, timingsOf } from './test/timings.ts'

const ROOT = resolve(import.meta.dir, '..')
const STEP_LIMIT_MS = 8 * 60_000
/** Longer than tests wait for one thing: what they then say names it. */
const TEST_LIMIT_MS = 30_000
/** They wait up to a minute for a host to come up, which says what it waited for. */
const END_TO_END_LIMIT_MS = 90_000
const LEFTOVER_GRACE_MS = 5_000
/** Tests wait for other processes as much as they work. */
const WORKERS = availableParallelism() + 1
/** Each of them starts whole hosts, of some 300 MB. */
const END_TO_END_WORKERS = 3
const STATIC_CHECKS = ['typecheck', 'lint', 'knip', 'reference:check']
const TIMINGS = join(ROOT, 'scripts', 'test', 'timings.json')
const SERVER = join(ROOT, 'dist', 'bin', process.platform === 'win32' ? 'openwork-server.exe' : 'openwork-server')
/** What a test file calls that can run openwork-server as the built executable. */
const RUNS_SERVER = /\b(startServer|startChanging|serverOf|EXECUTABLE)\b/
const CHANGES_PROGRAMS =
  /^(?:(?:OPENWORK|OPENWRK|OPENCODE)_\w+|CI|CONTINUOUS_INTEGRATION|NO_COLOR|FORCE_COLOR|COLORTERM)$/
const WANTS_DEFAULT_PORT = /\b8787\b/

const UPDATE_TIMINGS = '--update-timings'
const filters = process.argv.slice(2).filter(argument => argument !== UPDATE_TIMINGS)
const scratch = await mkdtemp(join(tmpdir(), 'ow-test-'))
await chmod(scratch, 0o711) // a test that is somebody else for a moment must reach what it runs
const marker = basename(scratch)
const totals = { passed: 0, failed: 0 }
const skipped: string[] = []
const failures: string[] = []
const measured: Timings[] = []
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort())

try {
  const built = await checks(filters.length === 0 ? [...STATIC_CHECKS, 'build'] : ['build'])
  const files = await testFiles()
  const endToEnd = files.filter(file => file.startsWith('test/e2e/'))
  const ofSources = files.filter(file => !endToEnd.includes(file))
  await tests('tests', ofSources, { workers: WORKERS })
  if (built) {
    await serverTests(ofSources)
    await endToEndTests(endToEnd)
  } else if (endToEnd.length > 0) fail('end-to-end tests: not run, there is no executable')
  await leftoverCheck()
  if (process.argv.includes(UPDATE_TIMINGS)) await writeFile(TIMINGS, `${JSON.stringify(longest(measured), null, 2)}\n`)
} catch (error) {
  console.error(error)
  fail('the test run itself: see above')
} finally {
  await rm(scratch, { recursive: true, force: true })
}

for (const name of skipped) console.log(`» skipped: ${name}`)
for (const failure of failures) console.log(`✗ ${failure}`)
console.log(`${totals.passed} passed, ${totals.failed} failed`)
process.exit(interrupted.signal.aborted ? 130 : totals.failed > 0 ? 1 : 0)

/** Runs scripts of package.json at the same time. Whether the last one succeeded. */
async function checks(names: readonly string[]): Promise<boolean> {
  const exitCodes = await Promise.all(
    names.map(name => step(name, ['npm', 'run', '--silent', name], { isAlone: false })),
  )
  for (const [index, name] of names.entries()) {
    if (exitCodes[index] === 0) totals.passed += 1
    else fail(`${name}: exit code ${exitCodes[index]}`)
  }
  return exitCodes.at(-1) === 0
}

/** The HTTP tests of openwork-server once more, for the executable, and what they have shown of its routes. */
async function serverTests(ofSources: string[]): Promise<void> {
  const candidates = ofSources.filter(file => file.startsWith('test/server/'))
  const texts = await Promise.all(candidates.map(file => readFile(join(ROOT, file), 'utf8')))
  const calls = join(scratch, 'calls.jsonl')
  await tests(
    'HTTP tests of the executable',
    candidates.filter((_, index) => RUNS_SERVER.test(texts[index] ?? '')),
    { workers: WORKERS, env: { OPENWORK_TEST_EXECUTABLE: SERVER, OPENWORK_TEST_CALLS: calls } },
  )
  if (filters.length > 0 || interrupted.signal.aborted) return
  const record = await readFile(calls, 'utf8').catch(() => '')
  const { operations, codes, gaps } = routeCoverage(
    await describedRoutes(SERVER, scratch),
    readCalls(record),
    EXEMPTIONS,
  )
  console.log(`── routes: ${operations} operations and ${codes} ways to fail, ${gaps.length} not wholly shown`)
  for (const { operation, neverSucceeded, codes } of gaps)
    fail(`${operation}: never seen: ${[...(neverSucceeded ? ['success'] : []), ...codes].join(', ')}`)
  if (gaps.length === 0) totals.passed += 1
}

/** One at a time those that want the default port for themselves. */
async function endToEndTests(files: string[]): Promise<void> {
  const texts = await Promise.all(files.map(file => readFile(join(ROOT, file), 'utf8')))
  const wantDefaultPort = files.filter((_, index) => WANTS_DEFAULT_PORT.test(texts[index] ?? ''))
  const others = files.filter(file => !wantDefaultPort.includes(file))
  await tests('end-to-end tests', others, { workers: END_TO_END_WORKERS, limitMs: END_TO_END_LIMIT_MS })
  await tests('end-to-end tests of the default port', wantDefaultPort, { workers: 1, limitMs: END_TO_END_LIMIT_MS })
}

async function tests(
  name: string,
  files: string[],
  { workers, env, limitMs = TEST_LIMIT_MS }: { workers: number; env?: Record<string, string>; limitMs?: number },
): Promise<void> {
  if (files.length === 0) return
  const outfile = join(scratch, `${name}.xml`)
  const timings = join(scratch, `${name}.json`)
  await writeFile(timings, JSON.stringify(timingsOf(files, await readTimings(TIMINGS))))
  const command = [
    process.execPath,
    'test',
    `--parallel=${workers}`,
    `--timings=${timings}`,
    '--update-timings',
    `--timeout=${limitMs}`,
    '--reporter=junit',
    `--reporter-outfile=${outfile}`,
    ...files.map(file => `./${file}`),
  ] as const
  const exitCode = await step(name, [...command], { env })
  measured.push(await readTimings(timings))
  const report = readReport(await readFile(outfile, 'utf8').catch(() => undefined), { files, exitCode })
  totals.passed += report.passed
  totals.failed += report.failed
  skipped.push(...report.skipped)
  const end =
    exitCode === null ? `ended by a signal; the limit is ${STEP_LIMIT_MS / 60_000} min` : `exit code ${exitCode}`
  if (report.failed > 0) failures.push(`${name}: ${report.failed} failed, ${end}`)
  for (const { place, name, error } of report.failures)
    failures.push(`${place}: ${name}\n${error.replaceAll(/^/gm, '    ')}`)
  if (exitCode === null) return // Bun writes its report at the end: every file would be named
  for (const file of report.unreported) failures.push(`${file}: did not run`)
}

async function readTimings(path: string): Promise<Timings> {
  return JSON.parse(await readFile(path, 'utf8'))
}

async function leftoverCheck(): Promise<void> {
  const leftovers = await awaitLeftovers(marker, LEFTOVER_GRACE_MS)
  if (!leftovers) skipped.push('the search for processes that were left: it needs /proc')
  else if (leftovers.length === 0) totals.passed += 1
  else {
    fail(`processes left: ${leftovers.map(({ pid, command }) => `\n    ${pid} ${command}`).join('')}`)
    for (const { pid } of leftovers) end(pid)
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error // it has ended by itself
  }
}

function fail(what: string): void {
  totals.failed += 1
  failures.push(what)
}

/**
 * The exit code, `null` when a signal ended it: ours after the time limit, for one. What a step that is not alone says is
 * shown when it has ended.
 */
async function step(
  name: string,
  [program, ...args]: [string, ...string[]],
  { env = {}, isAlone = true }: { env?: Record<string, string> | undefined; isAlone?: boolean } = {},
): Promise<number | null> {
  if (interrupted.signal.aborted) return null
  if (isAlone) console.log(`\n── ${name}`)
  const startedAt = performance.now()
  const output = isAlone ? 'inherit' : 'pipe'
  const child = Bun.spawn([Bun.which(program) ?? program, ...args], {
    cwd: ROOT,
    env: { ...environment(), ...env },
    stdio: ['ignore', output, output],
    signal: interrupted.signal,
    timeout: STEP_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const said = await Promise.all([child.stdout, child.stderr].map(stream => new Response(stream).text()))
  await child.exited
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${said.join('')}── ${name}: ${child.exitCode === 0 ? 'ok' : 'failed'} after ${seconds} s`)
  return child.exitCode
}

/**
 * Ours, without what would set up the product under test or what changes how programs show themselves, so that tests see
 * the same wherever they run; and with the marks that their processes are found by.
 */
function environment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !CHANGES_PROGRAMS.test(name))
  return { ...Object.fromEntries(kept), TMPDIR: scratch, TEMP: scratch, TMP: scratch, OPENWORK_TEST_RUN: marker }
}

async function testFiles(): Promise<string[]> {
  const files = await Array.fromAsync(new Bun.Glob('test/**/*.test.{ts,tsx}').scan({ cwd: ROOT }))
  const chosen = files
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => filters.length === 0 || filters.some(part => file.includes(part)))
  if (chosen.length === 0) fail(`no test file matches ${filters.join(' ')}`)
  return chosen.sort()
}
