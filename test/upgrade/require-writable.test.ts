import { expect } from 'bun:test'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { requireWritable } from '../../src/upgrade/upgrade-options.ts'
import { testUnless } from '../e2e/harness.ts'
import { failure } from '../sidecars/kit.ts'

const onLinux = testUnless(process.platform === 'linux' ? undefined : 'only Linux has a /dev/shm of its own')

onLinux('an executable on a volume is none of the image: nobody is told to build that anew', async () => {
  const folder = await mkdtemp('/dev/shm/openwork-volume-')
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
  const file = join(folder, 'file') // nobody can write into that, root neither
  await writeFile(file, '')

  const error = await failure(requireWritable(join(file, 'openwork'), 'openwork upgrade'))

  expect((await stat(folder)).dev).not.toBe((await stat('/')).dev)
  expect(error).toMatchObject({
    code: 'upgrade_not_possible',
    hint: 'Run `openwork upgrade` with the rights of whoever installed it.',
  })
})
