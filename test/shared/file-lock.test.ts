import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { lutimes, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isFileLocked, withFileLock } from '../../src/shared/file-lock.ts'
import { failure } from '../sidecars/kit.ts'

const HOLDER = join(import.meta.dirname, '..', 'fixtures', 'holds-file-lock.ts')

async function lockBox() {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-lock-'))
  const path = join(folder, 'file')
  const children: Bun.Subprocess[] = []
  return {
    path,
    lock: `${path}.lock`,
    run: <Result>(work: (signal: AbortSignal) => Promise<Result>, signal?: AbortSignal, onWait = () => {}) =>
      withFileLock(path, { onWait, signal, staleMs: 2_000 }, work),
    /** A process that has the lock, and keeps it until its standard input ends. */
    holdElsewhere: async () => {
      const child = Bun.spawn([process.execPath, HOLDER, path], { stdio: ['pipe', 'pipe', 'inherit'] })
      children.push(child)
      const { value } = await child.stdout.getReader().read()
      expect(new TextDecoder().decode(value)).toBe('held\n')
      return child
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL')
      await Promise.all(children.map(child => child.exited))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

describe('a lock', () => {
  test('lets one work at a time, and is gone afterwards', async () => {
    await using box = await lockBox()
    let working = 0
    const work = async (): Promise<void> => {
      working += 1
      expect(working).toBe(1)
      await Bun.file(box.lock).exists()
      working -= 1
    }
    await Promise.all([box.run(work), box.run(work), box.run(work)])
    expect(existsSync(box.lock)).toBe(false)
  })

  test('that another process holds is waited for', async () => {
    await using box = await lockBox()
    const holder = await box.holdElsewhere()
    const waits = Promise.withResolvers<void>()
    const outcome = box.run(async () => 'mine', undefined, waits.resolve)
    await waits.promise
    holder.stdin.end()
    expect(await outcome).toBe('mine')
  })

  test('of a process that was killed is taken over', async () => {
    await using box = await lockBox()
    const holder = await box.holdElsewhere()
    holder.kill('SIGKILL')
    await holder.exited
    expect(existsSync(box.lock)).toBe(true)
    await utimes(box.lock, 0, 0) // as if the seconds had passed in which a living holder renews it
    expect(await box.run(async () => 'mine')).toBe('mine')
  })

  test('whose time lies in the future is taken over all the same when nobody renews it', async () => {
    await using box = await lockBox()
    await mkdir(box.lock)
    const tomorrow = Date.now() / 1000 + 86_400
    await utimes(box.lock, tomorrow, tomorrow)
    expect(await isFileLocked(box.path)).toBe(false)
    expect(await box.run(async () => 'mine')).toBe('mine')
    expect(existsSync(box.lock)).toBe(false)
  })

  test.each([
    ['long ago', 0],
    ['in the future', Date.now() / 1000 + 86_400],
  ])('of %s that is not empty is named, to be removed', async (_, time) => {
    await using box = await lockBox()
    await mkdir(box.lock)
    await writeFile(join(box.lock, '.nfs0001'), '')
    await utimes(box.lock, time, time)
    const error = await failure(box.run(async () => 'mine'))
    expect(error.code).toBe('sidecar_dir_unusable')
    expect(error.message).toContain(`${box.lock} was left by a process that is gone, and is not empty`)
    expect(error.hint).toBe(`Remove it: rm -r ${box.lock}`)
  })

  test.each([
    ['a pipe', async (lock: string) => expect(Bun.spawnSync(['mkfifo', lock]).exitCode).toBe(0)],
    ['a link to nothing', (lock: string) => symlink('nothing', lock)],
    ['a link to a folder', (lock: string) => symlink('.', lock)],
  ])('that is %s is named, to be removed', async (_, make) => {
    await using box = await lockBox()
    await make(box.lock)
    await lutimes(box.lock, 0, 0)
    const error = await failure(box.run(async () => 'mine'))
    expect(error.code).toBe('sidecar_dir_unusable')
    expect(error.message).toBe(`${box.lock} is in the place of a lock, and is no folder`)
    expect(error.hint).toBe(`Remove it: rm ${box.lock}`)
  })

  test('that somebody puts something into does not spoil the work', async () => {
    await using box = await lockBox()
    const work = async (): Promise<string> => {
      await writeFile(join(box.lock, '.nfs0001'), '')
      await utimes(box.lock, 0, 0)
      return 'done'
    }
    expect(await box.run(work)).toBe('done')
  })

  test('is not waited for after an interruption', async () => {
    await using box = await lockBox()
    await box.holdElsewhere()
    const interrupted = new AbortController()
    const outcome = box.run(
      async () => 'mine',
      interrupted.signal,
      () => interrupted.abort(new Error('stop')),
    )
    await expect(outcome).rejects.toThrow()
  })

  test('that is lost ends the work it was taken for', async () => {
    await using box = await lockBox()
    const error = await failure(
      box.run(async signal => {
        await utimes(box.lock, 0, 0) // someone else renews it now
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }),
    )
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toContain('Another openwork took over')
  })

  test('is given back when the work fails', async () => {
    await using box = await lockBox()
    await expect(box.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(existsSync(box.lock)).toBe(false)
  })
})
