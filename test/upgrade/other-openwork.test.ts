import { expect, test } from 'bun:test'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bringOpencode, wordsOf } from '../../src/upgrade/other-openwork.ts'
import { upgradeBox } from './options.ts'

const HELP = ['openwork-orchestrator', 'Usage:', ...Array.from({ length: 40 }, (_, n) => `  --flag-${n}  does it`)]

const end = (stderr: readonly string[], stdout = '') =>
  ({ code: 1, signal: null, stdout, stderr: stderr.join('\n'), timedOut: false }) as const

test('of what a program says the line that tells what went wrong is kept', () => {
  expect(wordsOf(end(['Unknown command: cache', ...HELP]))).toBe('Unknown command: cache (exit code 1)')
  expect(wordsOf(end(['starting', 'TypeError: x is not a function', '    at main (/x.js:1:1)', '    at y']))).toBe(
    'TypeError: x is not a function (exit code 1)',
  )
  expect(wordsOf(end(['openwork: error: no such store', ...HELP]))).toBe('openwork: error: no such store (exit code 1)')
  expect(wordsOf(end(['noise'], '{"ok":false,"error":"no room"}'))).toBe('no room (exit code 1)')
  expect(wordsOf(end(['1', '2', '3', '4', '5', '6']))).toBe('2 / 3 / 4 / 5 / 6 (exit code 1)')
})

test('an openwork that cannot bring its opencode does not send anybody to look at the network', async () => {
  await using box = await upgradeBox()
  const path = join(box.folder, 'openwork')
  await writeFile(path, `#!/bin/sh\necho 'Unknown command: cache' >&2\necho 'Usage: openwork' >&2\nexit 1\n`)
  await chmod(path, 0o755)

  await expect(bringOpencode(path, box.options)).rejects.toMatchObject({
    code: 'upgrade_failed',
    message: `${path} did not bring its opencode: Unknown command: cache (exit code 1)`,
    hint: expect.not.stringContaining('network'),
  })
})
