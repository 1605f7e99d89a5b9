import { expect, test } from 'bun:test'
import { mkdir, readdir } from 'node:fs/promises'
import { requireNoManager, whileNoted } from '../../src/upgrade/manager-note.ts'
import { eventually } from '../e2e/harness.ts'
import { failure } from '../sidecars/kit.ts'
import { upgradeBox } from './options.ts'

test('while a manager runs no other upgrade begins, and its end leaves nothing', async () => {
  await using box = await upgradeBox()
  const { scratchDir } = box.options
  await mkdir(scratchDir)
  await requireNoManager(scratchDir)

  await whileNoted(scratchDir, 'npm', async onStarted => {
    onStarted(process.pid)
    await eventually('it is noted', async () => (await readdir(scratchDir)).includes('manager.json'))

    expect(await failure(requireNoManager(scratchDir))).toMatchObject({
      code: 'upgrade_not_possible',
      message: `npm (pid ${process.pid}) still runs for an upgrade that was ended`,
    })
  })

  expect(await readdir(scratchDir)).toEqual([])
  await requireNoManager(scratchDir)
})
