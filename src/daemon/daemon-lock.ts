import { randomBytes } from 'node:crypto'
import { link, readFile, rm, unlink, utimes, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { writing } from '../orchestrator/write-failure.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { withFileLock } from '../shared/file-lock.ts'
import { isRunning } from '../shared/is-running.ts'
import { readPlainFile } from '../shared/plain-file.ts'
import { isSameProcess, machineId, startTimeOf } from '../supervisor/process-identity.ts'

const lockFile = z.object({
  pid: z.number().int().positive(),
  /** Null where the system does not tell it. */
  startTime: z.string().nullable(),
  nonce: z.string(),
  startedAtMs: z.number(),
  /** Pids mean something only there. */
  machine: z.string(),
})
export type LockHolder = z.infer<typeof lockFile>

const MAX_BYTES = 4096

/** A holder on another machine, or in another container, shows by its file's time that it lives. */
const RENEW_MS = 10_000
const FOREIGN_STALE_MS = 60_000

/** The lock of a data dir's daemon, held by this process until `release`. */
export class DaemonLock {
  readonly startedAtMs: number
  readonly #path: string
  readonly #nonce: string
  readonly #renewal: Timer

  private constructor(path: string, { nonce, startedAtMs }: LockHolder) {
    this.#path = path
    this.#nonce = nonce
    this.startedAtMs = startedAtMs
    // A lock that is gone, or on a disk that is, is not worth the daemon.
    this.#renewal = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), RENEW_MS)
    this.#renewal.unref()
  }

  /**
   * Takes the lock, also from a process that is no more: a pid that another process has meanwhile is not trusted. The
   * folder of `path` must be there.
   *
   * @throws OpenworkError daemon_already_running, data_dir_unusable, disk_full
   */
  static async take(path: string): Promise<DaemonLock> {
    const own: LockHolder = {
      pid: process.pid,
      startTime: (await startTimeOf(process.pid)) ?? null,
      nonce: randomBytes(16).toString('hex'),
      startedAtMs: Date.now(),
      machine: machineId(),
    }
    // Judging the holder and replacing its file are one step for all who want it.
    await writing(path, () => withFileLock(path, { onWait: () => {}, signal: undefined }, () => replaceDead(path, own)))
    return new DaemonLock(path, own)
  }

  /** Removes it, if it still is ours. */
  async release(): Promise<void> {
    clearInterval(this.#renewal)
    const found = await read(this.#path)
    if (found?.nonce === this.#nonce) await rm(this.#path, { force: true })
  }
}

/**
 * Who holds the lock now. Undefined: nobody, or a process that is no more.
 * @throws OpenworkError data_dir_unusable
 */
export async function findLockHolder(path: string): Promise<LockHolder | undefined> {
  const found = await writing(path, () => read(path))
  return found && (await isHeld(path, found)) ? found : undefined
}

/**
 * For how long the lock of a process that cannot be looked at, of another machine or container, counts without another sign
 * of its life. Undefined for one of here.
 */
export async function believedForMs(
  path: string,
  { machine }: Pick<LockHolder, 'machine'>,
): Promise<number | undefined> {
  return machine === machineId() ? undefined : FOREIGN_STALE_MS - (Date.now() - (await modifiedMs(path)))
}

/** Resolves when that process has ended, or one of elsewhere does not hold it any more, to whether that was so in time. */
export async function holderEnded(path: string, holder: LockHolder, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const held = await findLockHolder(path)
    if (held?.nonce !== holder.nonce && !(await isAlive(holder))) return true
    if (performance.now() >= deadlineMs) return false
    await delay(50)
  }
}

const isAlive = async ({ pid, startTime, machine }: LockHolder): Promise<boolean> =>
  machine === machineId() && startTime !== null && (await isSameProcess(pid, startTime))

async function replaceDead(path: string, own: LockHolder): Promise<void> {
  const holder = await findLockHolder(path)
  if (holder) throw alreadyRunning(holder, await believedForMs(path, holder))
  const temporary = `${path}.${own.nonce}`
  try {
    await writeFile(temporary, JSON.stringify(own), { mode: 0o600, flag: 'wx' })
    await rm(path, { force: true })
    await linkOrCopy(temporary, path)
  } finally {
    await unlink(temporary).catch(() => {}) // where this fails something else did before
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    // No hard links here: exFAT, some network drives.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error
    await writeFile(to, await readFile(from), { mode: 0o600, flag: 'wx' })
  }
}

async function isHeld(path: string, { pid, startTime, machine }: LockHolder): Promise<boolean> {
  const restMs = await believedForMs(path, { machine })
  if (restMs !== undefined) return restMs > 0
  return startTime === null ? isRunning(pid) : await isSameProcess(pid, startTime)
}

async function modifiedMs(path: string): Promise<number> {
  try {
    return (await Bun.file(path).stat()).mtimeMs
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

/** A file that is none of ours names nobody: whoever wrote it is not a daemon. */
async function read(path: string): Promise<LockHolder | undefined> {
  let text: string
  try {
    text = await readPlainFile(path, { maxBytes: MAX_BYTES })
  } catch (error) {
    if (['ENOENT', 'EFBIG', 'EFTYPE', 'ENXIO'].includes(systemCode(error) ?? '')) return undefined
    throw error
  }
  try {
    return lockFile.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

function alreadyRunning({ pid, startedAtMs }: LockHolder, believedForMs: number | undefined): OpenworkError {
  const where = believedForMs === undefined ? '' : ' of another machine or container'
  return new OpenworkError(
    'daemon_already_running',
    `A daemon runs for this data dir already, as process ${pid}${where}`,
    {
      hint:
        believedForMs === undefined
          ? 'Use it, stop it with `openwork daemon stop`, or pass another --data-dir.'
          : `If it has ended, that is known in ${Math.ceil(believedForMs / 1_000)} s; or pass another --data-dir.`,
      details: { pid, startedAt: startedAtMs },
    },
  )
}
