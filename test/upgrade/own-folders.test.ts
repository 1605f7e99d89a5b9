import { expect } from 'bun:test'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { requireOwnFolders } from '../../src/upgrade/own-folders.ts'
import { requireManager } from '../../src/upgrade/run-manager.ts'
import { testUnless } from '../e2e/harness.ts'
import { failure } from '../sidecars/kit.ts'
import { upgradeBox } from './options.ts'

const onPosix = testUnless(process.platform === 'win32' ? 'rights are no modes there' : undefined)

onPosix('yarn is not called below a folder that others can write, sticky or not', async () => {
  await using box = await upgradeBox({ PATH: '' })
  const shared = join(box.folder, 'shared')
  await mkdir(shared)
  const scratchDir = join(shared, 'data', 'upgrade')
  const installation = { kind: 'managed', path: '/nowhere', manager: 'yarn' } as const
  for (const mode of [0o777, 0o1777]) {
    await chmod(shared, mode)

    const error = await failure(requireManager(installation, { env: box.options.env, scratchDir }))

    expect(error).toMatchObject({ code: 'upgrade_not_possible', hint: expect.stringContaining('--data-dir') })
    expect(error.message).toStartWith(`${shared} may be written by every user`)
  }
})

onPosix('folders of root are as good as our own', async () => {
  expect(await requireOwnFolders('/usr/nowhere/upgrade')).toBeUndefined()
})
