import { expect, test } from 'bun:test'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSameProcess, startTimeOf } from '../../src/supervisor/process-identity.ts'
import { fixture, isAlive, temporaryFolder } from './support.ts'

test('a process keeps its start time, and another one has a different one', async () => {
  const mine = await startTimeOf(process.pid)
  expect(mine).toBeString()
  expect(await startTimeOf(process.pid)).toBe(mine)
  expect(await isSameProcess(process.pid, mine ?? '')).toBe(true)
  expect(await isSameProcess(process.pid, `${mine}0`)).toBe(false)
})

test('a process that ended has none, also while its parent has not collected it', async () => {
  // The shell becomes a sleep that never waits for the child it had: a zombie.
  const shell = Bun.spawn(['/bin/sh', '-c', 'sleep 0 & echo $!; exec sleep 60'], { stdout: 'pipe' })
  const { value } = await shell.stdout.getReader().read()
  const zombie = Number(new TextDecoder().decode(value))
  while (isAlive(zombie)) await Bun.sleep(1)

  expect(await startTimeOf(zombie)).toBeUndefined()
  shell.kill('SIGKILL')
  await shell.exited
  expect(await startTimeOf(shell.pid)).toBeUndefined()
})

test.skipIf(process.platform !== 'linux')('a name with spaces and parentheses does not confuse it', async () => {
  await using folder = temporaryFolder()
  const odd = join(folder.path, 'a) S 1 (b')
  await copyFile('/bin/sleep', odd)
  const child = Bun.spawn([odd, '60'])
  const plain = Bun.spawn(fixture('ignores-sigterm'), { stdout: 'pipe' })
  await plain.stdout.getReader().read()

  const ticks = Number((await startTimeOf(child.pid))?.split(':')[1])
  const plainTicks = Number((await startTimeOf(plain.pid))?.split(':')[1])

  expect(ticks).toBeGreaterThan(0)
  expect(plainTicks).toBeGreaterThanOrEqual(ticks)
  for (const { pid } of [child, plain]) process.kill(pid, 'SIGKILL')
  await Promise.all([child.exited, plain.exited])
})
