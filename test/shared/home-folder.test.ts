import { expect } from 'bun:test'
import { join } from 'node:path'
import { testUnless } from '../e2e/harness.ts'

const STRANGER = '12345'
const why =
  process.getuid?.() !== 0 || !Bun.which('setpriv') ? 'a user without a home is made by root, with setpriv' : undefined
const withoutHome = testUnless(why)

/** The program of a user whom the system does not know. */
function runWithoutHome(program: string, ...args: string[]) {
  const { HOME: _, ...env } = process.env
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    ['setpriv', '--reuid', STRANGER, '--clear-groups', process.execPath, join('src', 'bin', `${program}.ts`), ...args],
    { cwd: join(import.meta.dirname, '..', '..'), env },
  )
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

withoutHome('a user without a home folder is told to set HOME where it is needed', async () => {
  const { exitCode, stderr } = runWithoutHome('openwork', 'cache', 'path')
  expect(stderr).toMatch(/^openwork: HOME is not set, and .*\. Set HOME\. .*--data-dir <path>/)
  expect(exitCode).toBe(2)
})

withoutHome('a user without a home folder gets along without where it is not needed', async () => {
  const { exitCode, stdout, stderr } = runWithoutHome(
    'openwork',
    'cache',
    'ls',
    '--data-dir',
    '/nowhere/data',
    '--json',
  )
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  expect(stdout).toContain('/nowhere/data')
})
