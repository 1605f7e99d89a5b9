import { describe, expect, test } from 'bun:test'
import { linkSync, mkdirSync, rmSync, watch } from 'node:fs'
import { rename, rm, symlink, unlink } from 'node:fs/promises'
import type { WatchFolder } from '../../../src/server/file-index/folder-watches.ts'
import { TriggerWatch } from '../../../src/server/reload/trigger-watch.ts'
import { logInto, openIndex } from './support.ts'

const QUICK = { degradedMs: 20, fullMs: 600_000, soonMs: 20 }

/** Real watches, as long as the system is said to have some. */
function scarceWatches(available: number): { watch: WatchFolder; release(more: number): void } {
  let left = available
  return {
    watch(path, changed) {
      if (left <= 0)
        throw Object.assign(new Error(`ENOSPC: no space left on device, watch '${path}'`), { code: 'ENOSPC' })
      left -= 1
      return watch(path, { persistent: false }, (_kind, name) => changed(name))
    },
    release(more) {
      left += more
    },
  }
}

describe('when the system gives no more watches', () => {
  test('a catalog says so once, finds changes by looking, and watches again as soon as it may', async () => {
    const watches = scarceWatches(2)
    await using at = await openIndex({ watch: watches.watch, patrol: QUICK })
    for (const path of ['a/1', 'b/2', 'c/3', 'c/d/4']) await at.write(path)
    expect((await at.page()).isDegraded).toBe(true)
    expect(await at.paths({ includeDirs: false })).toEqual(['a/1', 'b/2', 'c/3', 'c/d/4'])

    await at.write('c/d/4', 'changed without a watch')
    await at.until(() => at.index.cursor === 1)
    await at.write('c/d/new/5')
    await at.until(() => at.index.cursor === 3)
    await rm(at.at('b'), { recursive: true })
    await at.until(() => at.index.cursor === 4)
    expect(at.events()).toEqual(['write c/d/4', 'mkdir c/d/new', 'write c/d/new/5', 'delete b'])
    expect(at.logged.length).toBe(1)
    expect(at.logged[0]).toContain('WARN Not all of')

    watches.release(100)
    await at.write('a/seen')
    await at.until(async () => !(await at.page()).isDegraded)
    expect(at.logged.length).toBe(2)
    expect(at.logged[1]).toContain('is watched again')
  })

  test('a workspace folder that goes away and comes back is followed', async () => {
    await using at = await openIndex({ patrol: QUICK })
    await at.write('x/1')
    await at.paths()
    await rename(at.path, `${at.path}-away`)
    await at.until(async () => (await at.paths()).length === 0)
    expect(at.events()).toEqual(['delete x'])
    expect((await at.page()).isDegraded).toBe(true)
    await rename(`${at.path}-away`, at.path)
    await at.until(async () => (await at.paths()).length === 2)
    await at.write('x/1', 'and watched again')
    await at.until(async () => (await at.item('x/1'))?.size === 17)
    expect((await at.page()).isDegraded).toBe(false)
  })

  test('a workspace folder that is not there is empty, and fills when it comes', async () => {
    await using at = await openIndex({ patrol: QUICK })
    await rm(at.path, { recursive: true })
    expect(await at.paths()).toEqual([])
    await at.write('x')
    await at.until(async () => (await at.paths()).length === 1)
  })
})

/** Resolves when the watch of the root has told of something. */
async function untilProved(at: Awaited<ReturnType<typeof openIndex>>): Promise<void> {
  for (let written = 0; (await at.page()).isDegraded; written += 1) {
    const { cursor } = at.index
    await at.write('top', `written ${written} times before`)
    await at.until(() => at.index.cursor > cursor)
  }
}

describe('when another folder comes in the place of the workspace folder', () => {
  test('it is followed, though someone else keeps the dead watch of the old one', async () => {
    await using at = await openIndex({ patrol: QUICK })
    await at.write('old/1')
    await at.paths()
    const other = watch(at.path, { persistent: false }, () => {})
    try {
      // In one go, so that nobody sees that it is gone; the new folder often has the inode of the old.
      rmSync(at.path, { recursive: true })
      mkdirSync(at.path)
      await at.until(async () => (await at.paths()).length === 0)
      expect(at.events()).toEqual(['delete old'])
      await at.write('new/1')
      await at.until(async () => (await at.paths()).includes('new/1'))
      await at.write('newer/2')
      await at.until(async () => (await at.paths()).includes('newer/2'))
      expect(await at.paths()).toEqual(['new', 'new/1', 'newer', 'newer/2'])
    } finally {
      other.close()
    }
    await untilProved(at)
    expect(at.logged[0]).toContain('WARN Not all of')
  })

  test('neither the catalog nor the watch for reloads keeps the dead watch for the other', async () => {
    await using at = await openIndex({ patrol: QUICK })
    await at.write('opencode.json', '{}')
    await at.paths()
    let toldOf = Promise.withResolvers<string>()
    const reload = new TriggerWatch({
      root: at.path,
      quietMs: 10,
      writes: false,
      log: logInto([]),
      onQuiet: ([change]) => change && toldOf.resolve(change.trigger.action ?? ''),
    })
    try {
      await reload.watching
      rmSync(at.path, { recursive: true })
      mkdirSync(at.path)
      expect(await toldOf.promise).toBe('removed')
      toldOf = Promise.withResolvers()
      await at.write('opencode.json', '{}')
      expect(await toldOf.promise).toBe('added')
      await untilProved(at)
      expect(await at.paths()).toContain('opencode.json')
    } finally {
      reload.stop()
    }
  })

  test('what a link in its place led to is gone with the link', async () => {
    await using outside = await openIndex()
    await outside.write('foreign')
    await using at = await openIndex({ patrol: { ...QUICK, degradedMs: 600_000 } })
    await rm(at.path, { recursive: true })
    await symlink(outside.path, at.path)
    expect(await at.paths()).toEqual(['foreign'])
    await unlink(at.path)
    expect(await at.paths()).toEqual([])
    await at.write('own')
    await at.until(async () => (await at.paths()).join() === 'own')
    expect(at.events()).toEqual(['delete foreign', 'write own'])
  })
})

describe('when the system lends no more files', () => {
  test('what is missing is said to be, and found as soon as there are some', async () => {
    const script = new URL('short-of-files.ts', import.meta.url).pathname
    const child = Bun.spawn(['sh', '-c', 'ulimit -n 200 && exec "$0" "$1"', process.execPath, script])
    const said = await new Response(child.stdout).json()
    expect(await child.exited).toBe(0)
    expect(said).toEqual([
      { isWhole: false, isDegraded: true },
      { isWhole: true, isDegraded: false },
    ])
  })
})

describe('when watches lose events', () => {
  test('a burst makes everything be looked at again', async () => {
    let heard = 0
    const lossy: WatchFolder = (path, changed) =>
      watch(path, { persistent: false }, (_kind, name) => {
        heard += 1
        if (heard <= 5_000) changed(name)
      })
    await using at = await openIndex({ watch: lossy, patrol: QUICK })
    await at.paths()
    await at.write('one')
    // In one go: nobody looks in between.
    for (let n = 0; n < 6_000; n += 1) linkSync(at.at('one'), at.at(`file-${n}`))
    await at.until(async () => (await at.page({ limit: 1 })).total === 6_001)
  }, 20_000)

  test('the safety net finds what no event told of', async () => {
    const deaf: WatchFolder = path => watch(path, { persistent: false }, () => {})
    await using at = await openIndex({ watch: deaf, patrol: { ...QUICK, fullMs: 20 } })
    await at.write('a/b/c')
    await at.paths()
    await at.write('a/b/c', 'silently changed')
    await at.until(() => at.index.cursor === 1)
    expect(at.events()).toEqual(['write a/b/c'])
  })
})
