import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from '../../src/supervisor/run-program.ts'
import { hasEnded, sidecarBox, until } from '../sidecars/kit.ts'

const options = { cwd: '/', env: { PATH: '/usr/bin:/bin' }, limitMs: 30_000 }
const shell = (script: string) => runProgram(['/bin/sh', '-c', script], options)

test('a program gets the environment it is given, and nothing else of ours', async () => {
  const { stdout } = await shell('env')
  const names = stdout
    .trim()
    .split('\n')
    .map(line => line.split('=')[0] ?? '')
  expect(names).toContain('PATH')
  expect(names.filter(name => !['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))).toEqual([])
})

test('of a program that says very much, the end is kept', async () => {
  const { code, stdout } = await shell('yes line | head -c 1000000; echo; echo last')
  expect(code).toBe(0)
  expect(stdout.length).toBeLessThanOrEqual(64 * 1024)
  expect(stdout).toEndWith('last\n')
})

test('a stray child that holds the output open does not hold up the answer', async () => {
  expect(await shell('sleep 60 & echo done')).toMatchObject({ code: 0, stdout: 'done\n', timedOut: false })
})

test('a program that cannot be started is the error of the system', async () => {
  await expect(runProgram(['/no/such/program'], options)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('nothing is started for one who has given up already', async () => {
  await using box = await sidecarBox()
  const signal = AbortSignal.abort(new Error('given up'))
  const run = async () => runProgram(['/bin/sh', '-c', `touch '${box.path('started')}'`], { ...options, signal })
  await expect(run()).rejects.toThrow('given up')
  expect(await Bun.file(box.path('started')).exists()).toBe(false)
})

test('a program does not outlive the exit of the one that runs it', async () => {
  await using box = await sidecarBox()
  const program = join(import.meta.dirname, '..', 'fixtures', 'exits-while-running.ts')
  const parent = Bun.spawn([process.execPath, program, box.path('pid')])
  expect(await parent.exited).toBe(0)
  const pid = Number(await readFile(box.path('pid'), 'utf8'))
  expect(pid).toBeGreaterThan(0)
  expect(await until(async () => hasEnded(pid))).toBe(true)
})

test('a program with things to take down is asked to end, and killed when it does not', async () => {
  await using box = await sidecarBox()
  const { path } = box
  for (const [trap, leaves] of [
    [`touch '${path('down')}'; exit`, true],
    [':', false],
  ] as const) {
    const abort = new AbortController()
    const script = `trap "${trap}" TERM; echo $$ > '${path('pid')}.new'; mv '${path('pid')}.new' '${path('pid')}'; while :; do sleep 0.01; done`
    const limits = { ...options, signal: abort.signal, graceMs: leaves ? 30_000 : 50 }
    const ended = runProgram(['/bin/sh', '-c', script], limits)
    const pid = await until(async () => (await Bun.file(path('pid')).exists()) && Bun.file(path('pid')).text())

    abort.abort(new Error('given up'))

    await expect(ended).rejects.toThrow('given up')
    expect(await until(async () => hasEnded(Number(pid)))).toBe(true)
    expect(await Bun.file(path('down')).exists()).toBe(leaves)
    for (const name of ['pid', 'down'])
      await Bun.file(path(name))
        .delete()
        .catch(() => {})
  }
})
