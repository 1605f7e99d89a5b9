import { describe, expect } from 'bun:test'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failureOf, newWorld, OPENWORK, testUnless, type World } from './harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from './small-disk.ts'

const scratch = mkdtempSync(join(tmpdir(), 'openwork-disk-'))
const noSmallDisk = whyNoSmallDisk(scratch)
rmSync(scratch, { recursive: true })

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true })
    .map(name => join(folder, String(name)))
    .filter(path => statSync(path).isFile())

/** Nothing runs, no run is written down, and every file of ours is whole: a document, or one per line, under its final name. */
function expectNothingHalfMade(world: World, dataDir: string): void {
  expect(world.processes()).toEqual([])
  if (!existsSync(dataDir)) return
  const runs = join(dataDir, 'runs')
  expect(existsSync(runs) ? readdirSync(runs) : []).toEqual([])
  const ours = filesIn(dataDir).filter(path => !path.startsWith(join(dataDir, 'opencode-config')))
  for (const path of ours) {
    expect(path).toMatch(/\.jsonl?$/)
    const text = readFileSync(path, 'utf8')
    const documents = path.endsWith('l') ? text.trimEnd().split('\n') : [text]
    for (const document of documents) expect(JSON.parse(document)).toBeObject()
  }
}

describe('a full disk', () => {
  testUnless(noSmallDisk)('under the data dir is named, and nothing half-made is left', async () => {
    await using world = await newWorld()
    await using disk = mountSmallDisk(join(world.home, 'disk'))
    const dataDir = join(disk.path, 'data')
    disk.fill(0)

    const failure = await failureOf(world, ['serve', '--data-dir', dataDir])

    expect(failure).toMatchObject({ code: 'disk_full', exitCode: 3, error: expect.stringContaining(dataDir) })
    expect(failure.hint).toBeString()
    const detached = await failureOf(world, ['start', '--detach', '--data-dir', dataDir])
    expect(detached).toMatchObject({ code: 'disk_full', exitCode: 3 })
    expectNothingHalfMade(world, dataDir)
    expect(readdirSync(world.workspace)).toEqual(['opencode.json'])
  })

  testUnless(noSmallDisk)(
    'with 12 KB left for the data dir ends the start, and with more room the next one works',
    async () => {
      await using world = await newWorld()
      await using disk = mountSmallDisk(join(world.home, 'disk'))
      const dataDir = join(disk.path, 'data')
      disk.fill(12 * 1024)

      const failure = await failureOf(world, ['serve', '--openwork-port', '0', '--data-dir', dataDir])

      expect(failure).toMatchObject({ code: 'disk_full', exitCode: 3 })
      expectNothingHalfMade(world, dataDir)

      disk.free()
      disk.fill(96 * 1024) // enough to begin in the background, and to say there why it ends
      const detached = ['start', '--detach', '--openwork-port', '0', '--data-dir', dataDir]
      expect(await failureOf(world, detached)).toMatchObject({ code: 'disk_full', exitCode: 3 })

      disk.free()
      const host = await world.serve(['--data-dir', dataDir])
      expect(await host.status('/opencode/session')).toBe(200)
    },
  )

  testUnless(noSmallDisk)('under a workspace without an opencode config leaves no empty one', async () => {
    await using world = await newWorld()
    await using disk = mountSmallDisk(join(world.home, 'disk'))
    const workspace = join(disk.path, 'workspace')
    mkdirSync(workspace)
    disk.fill(0)

    const failure = await failureOf(world, ['serve', '--openwork-port', '0', '--workspace', workspace])

    expect(failure).toMatchObject({ code: 'disk_full', exitCode: 3, error: expect.stringContaining(workspace) })
    expect(readdirSync(workspace)).toEqual([])
    expectNothingHalfMade(world, world.dataDir)
  })
})

describe('a data dir', () => {
  const isRoot = process.getuid?.() === 0
  // Root may write everywhere, unless this right is taken from it.
  const asMortal = Bun.which('setpriv')
  const impossible = isRoot && !asMortal ? 'root may write everywhere' : undefined

  testUnless(impossible)('without write permission is refused, and named', async () => {
    await using world = await newWorld()
    const locked = join(world.home, 'locked')
    mkdirSync(locked, { mode: 0o500 })
    const program =
      isRoot && asMortal ? ([asMortal, '--bounding-set=-dac_override', OPENWORK] as const) : ([OPENWORK] as const)

    const failure = await failureOf(world, ['serve', '--data-dir', join(locked, 'data')], { program })

    expect(failure).toMatchObject({ code: 'data_dir_unusable', exitCode: 3, error: expect.stringContaining(locked) })
    expect(readdirSync(locked)).toEqual([])
    expect(readdirSync(world.workspace)).toEqual(['opencode.json'])
    expect(world.processes()).toEqual([])
  })
})
