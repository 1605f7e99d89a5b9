import { expect, test } from 'bun:test'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withFileLock } from '../../src/shared/file-lock.ts'
import { removeLeftovers } from '../../src/upgrade/install-version.ts'
import { inScratchFolder } from '../../src/upgrade/scratch-project.ts'
import { upgradeBox } from './options.ts'

/** An executable beside which an upgrade was killed, long ago. */
async function killedUpgrade(folder: string) {
  const path = join(folder, 'openwork')
  const files = ['openwork', 'openwork.previous', 'openwork.next', 'openwork.next.part', 'openwork.next.part.json']
  for (const name of files) await writeFile(join(folder, name), name)
  for (const name of ['openwork.next.lock', 'openwork.upgrade.lock']) {
    await mkdir(join(folder, name))
    await utimes(join(folder, name), 0, 0)
  }
  return { kind: 'standalone', path } as const
}

test('what a killed upgrade left beside the executable is removed where there is nothing to go on with', async () => {
  await using box = await upgradeBox()
  const installation = await killedUpgrade(box.folder)

  await removeLeftovers(installation, box.options)

  expect((await readdir(box.folder)).sort()).toEqual(['openwork', 'openwork.previous'])
})

test('what an upgrade needs that is under way is left to it', async () => {
  await using box = await upgradeBox()
  const installation = await killedUpgrade(box.folder)
  const before = (await readdir(box.folder)).sort()

  await withFileLock(`${installation.path}.upgrade`, { onWait: () => {}, signal: undefined }, async () => {
    await removeLeftovers(installation, box.options)
    expect((await readdir(box.folder)).sort()).toEqual(before)
  })
})

test('a scratch folder is removed once its openwork has ended and nothing that it called can run any more', async () => {
  await using box = await upgradeBox()
  const { scratchDir } = box.options
  const ended = Bun.spawn([process.execPath, '--version'], { stdout: 'ignore' })
  await ended.exited
  const [left, recent, used] = [`scratch-${ended.pid}-a`, `scratch-${ended.pid}-b`, `scratch-${process.pid}-c`]
  for (const name of [left, recent, used]) await mkdir(join(scratchDir, name, 'home'), { recursive: true })
  for (const name of [left, used]) await utimes(join(scratchDir, name), 0, 0)

  const own = await inScratchFolder(scratchDir, async folder => folder)

  expect(own).toStartWith(join(scratchDir, `scratch-${process.pid}-`))
  expect((await readdir(scratchDir)).sort()).toEqual([recent, used].sort())
})
