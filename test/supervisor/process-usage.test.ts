import { expect, test } from 'bun:test'
import { parseProcessTable, processUsage, processUsages, treesIn, usageOf } from '../../src/supervisor/process-usage.ts'
import { eventually } from '../e2e/harness.ts'
import { fixture, isAlive } from './support.ts'

const MB = 1024 * 1024

const usage = async (pid: number) => {
  const found = await processUsage(pid)
  if (!found) throw new Error(`no usage of ${pid}`)
  return found
}

/** A program that says when it has done what it does, and then waits. */
async function running(code: string): Promise<{ pid: number } & AsyncDisposable> {
  const child = Bun.spawn([process.execPath, '-e', `${code}; console.log('done'); setInterval(() => {}, 60_000)`], {
    stdout: 'pipe',
  })
  await child.stdout.getReader().read()
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

test.skipIf(process.platform === 'win32')('counts a process with its children and theirs', async () => {
  const child = Bun.spawn(fixture('forks'), { stdout: 'pipe' })
  const { value } = await child.stdout.getReader().read()
  const started = JSON.parse(new TextDecoder().decode(value)) as Record<string, number>

  const { children, memoryBytes } = await usage(child.pid)
  expect(children).toBe(3)
  expect(memoryBytes).toBeGreaterThan((await usage(started.child ?? 0)).memoryBytes)

  process.kill(started.grandchild ?? 0, 'SIGKILL')
  await eventually('one child less', async () => (await usage(child.pid)).children === 2)

  for (const pid of [child.pid, ...Object.values(started)]) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  await child.exited
})

test.skipIf(process.platform === 'win32')('what a process keeps in memory is seen', async () => {
  await using small = await running('')
  await using large = await running('globalThis.kept = Buffer.alloc(200 * 1024 * 1024, 1)')

  const more = (await usage(large.pid)).memoryBytes - (await usage(small.pid)).memoryBytes
  expect(more).toBeGreaterThan(150 * MB)
})

test.skipIf(process.platform === 'win32')(
  'time on the processor goes up with work, and not while it waits',
  async () => {
    await using busy = await running('while (process.cpuUsage().user < 150_000);')

    const { cpuMs } = await usage(busy.pid)
    expect(cpuMs).toBeGreaterThanOrEqual(100)
    expect((await usage(busy.pid)).cpuMs).toBeGreaterThanOrEqual(cpuMs)
  },
)

test.skipIf(process.platform !== 'linux')(
  'what has ended counts for whoever started it, unless he starts what is measured by itself',
  async () => {
    const busy = 'while (process.cpuUsage().user < 150_000);'
    await using starter = await running(`Bun.spawnSync([process.execPath, '-e', ${JSON.stringify(busy)}])`)

    const all = (await usage(starter.pid)).cpuMs
    const own = (await processUsages([starter.pid], starter.pid)).get(starter.pid)?.cpuMs ?? Number.NaN
    expect(all - own).toBeGreaterThanOrEqual(100)
  },
)

test('a process that has ended has none', async () => {
  const child = Bun.spawn([process.execPath, '--version'], { stdout: 'ignore' })
  await child.exited
  expect(await processUsage(child.pid)).toBeUndefined()
})

test('a table of processes is read as ps of Linux and macOS print it', () => {
  const table = `
    1     0     1   9216   0:01.25
  100     1   100   2048  12:00.50
  101   100   100   1024   1:02:03
  102     1   100    512 2-00:00:01
  103   102   103    256   0:00.00
  104     1   104    128   0:00.01
  PID  PPID  PGID    RSS      TIME
`
  const rows = parseProcessTable(table)
  expect(rows).toHaveLength(6)
  // 102 lost its parent, but is a member of the group; 103 is its child; 104 is a stranger.
  expect(usageOf(100, rows)).toEqual({
    memoryBytes: (2048 + 1024 + 512 + 256) * 1024,
    children: 3,
    cpuMs: 720_500 + 3_723_000 + 172_801_000,
  })
  expect(usageOf(101, rows)).toEqual({ memoryBytes: 1024 * 1024, children: 0, cpuMs: 3_723_000 })
  expect(usageOf(99, rows)).toBeUndefined()
})

test('of several processes, what one has started does not count for those that started it', () => {
  const row = (pid: number, parent: number, group: number) => ({ pid, parent, group, memoryBytes: MB, cpuMs: 1 })
  const rows = [row(10, 1, 10), row(11, 10, 10), row(20, 10, 20), row(21, 20, 20), row(22, 1, 20)]
  const trees = treesIn(rows, [10, 20, 30])
  const pids = [...trees].map(([root, tree]) => [root, tree.map(({ pid }) => pid)])
  expect(pids).toEqual([
    [10, [10, 11]],
    [20, [20, 21, 22]],
  ])
})

test.skipIf(process.platform === 'win32')('several processes are measured at once', async () => {
  await using other = await running('')
  const usages = await processUsages([process.pid, other.pid, 2 ** 30])
  expect([...usages.keys()]).toEqual([process.pid, other.pid])
  for (const { memoryBytes } of usages.values()) expect(memoryBytes).toBeGreaterThan(MB)
})
