import { chmod, link, lstat, mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { isRunning } from '../shared/is-running.ts'
import { randomHex } from '../shared/random-hex.ts'
import { isSameProcess, machineId, type StartTime, startTimeOf } from './process-identity.ts'

/** Raised when a field changes its meaning. Records of another version are left alone. */
const VERSION = 1

export type RecordedProcess = {
  service: string
  pid: number
  /** Null when it had ended before we could ask. */
  startTime: StartTime | null
  group: number
  /** See spawn-marker.ts. */
  marker: string
}

/** What is on disk about one run: enough to find all of it after a SIGKILL of its owner. */
export type RunFile = {
  version: typeof VERSION
  runId: string
  /** Part of the marker of every process of this run. */
  nonce: string
  /** Pids mean something only on this machine, in this pid namespace. */
  machine: string
  owner: { pid: number; startTime: StartTime | null }
  startedAtMs: number
  /** The caller's own; JSON. May hold secrets: the file is for its owner alone. */
  info: unknown
  processes: RecordedProcess[]
}

export type ListedRun = RunFile & { path: string; alive: boolean }

/**
 * Creates the record of a run that is about to start, in `dir` (made with mode 0700 if missing). A record of the same id
 * that a dead run left must have been cleared away before, see `reapDeadRuns`. The caller closes it.
 *
 * @throws OpenworkError `run_id_in_use`; what the file system says (full, read-only) as it is, leaving nothing behind
 */
export async function openRunRecord(dir: string, run: { runId: string; info?: unknown }): Promise<RunRecord> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700) // it may be older than this rule
  const owner = { pid: process.pid, startTime: (await startTimeOf(process.pid)) ?? null }
  const record = new RunRecord(join(dir, recordNameOf(run.runId)), {
    version: VERSION,
    runId: run.runId,
    nonce: randomHex(16),
    machine: machineId(),
    owner,
    startedAtMs: Date.now(),
    info: run.info ?? null,
    processes: [],
  })
  await record.create()
  return record
}

/**
 * Every change is on disk when its promise resolves. Written beside and renamed, without fsync: it has to survive our
 * death, not that of the machine, which ends the processes as well.
 */
export class RunRecord {
  readonly path: string
  readonly #file: RunFile
  readonly #temporary: string
  /** The write in work, and the one that begins after it for all changes made meanwhile. */
  #current: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined
  #closed = false

  constructor(path: string, file: RunFile) {
    this.path = path
    this.#file = file
    this.#temporary = temporaryOf(path, file)
  }

  get nonce(): string {
    return this.#file.nonce
  }

  /** First write, by `openRunRecord`: refuses to replace another record. */
  async create(): Promise<void> {
    try {
      await writePrivate(this.#temporary, this.#file)
      await link(this.#temporary, this.path)
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EEXIST') throw runIdInUse(this.#file.runId)
      // No hard links here (exFAT, some network drives): atomic all the same, but two runs of one id go unnoticed.
      if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP' && code !== 'ENOSYS') throw error
      await rename(this.#temporary, this.path)
    } finally {
      await this.#removeTemporary()
    }
  }

  /** To be called as soon as the process exists; it counts as known when this resolves. */
  async noteSpawn(spawned: Omit<RecordedProcess, 'startTime'>): Promise<void> {
    const noted: RecordedProcess = { ...spawned, startTime: null }
    this.#file.processes.push(noted) // before anything is awaited: its exit may be noted meanwhile
    noted.startTime = (await startTimeOf(spawned.pid)) ?? null
    await this.#save()
  }

  async noteExit(pid: number): Promise<void> {
    this.#file.processes = this.#file.processes.filter(noted => noted.pid !== pid)
    await this.#save()
  }

  async updateInfo(info: unknown): Promise<void> {
    this.#file.info = info
    await this.#save()
  }

  /** Removes the file. To be called when nothing of the run is left; may be called again. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#next?.catch(() => {}) // whoever asked for that write hears of its failure
    await this.#current
    await rm(this.path, { force: true })
  }

  #save(): Promise<void> {
    this.#next ??= this.#current.then(() => {
      const write = this.#write()
      this.#current = write.catch(() => {})
      this.#next = undefined
      return write
    })
    return this.#next
  }

  async #write(): Promise<void> {
    if (this.#closed) return
    try {
      await writePrivate(this.#temporary, this.#file)
      await rename(this.#temporary, this.path)
    } catch (error) {
      await this.#removeTemporary()
      throw error
    }
  }

  /** Where this fails something else did before, and that is the error to tell. */
  async #removeTemporary(): Promise<void> {
    await unlink(this.#temporary).catch(() => {})
  }
}

/** The runs of this machine that have a record in `dir`, living and dead, oldest first. Unreadable ones are left out. */
export async function listRuns(dir: string): Promise<ListedRun[]> {
  const paths = (await namesIn(dir)).filter(isRecordName).map(name => join(dir, name))
  const runs = await Promise.all(
    paths.map(async path => {
      const file = await readRunFile(path)
      return typeof file === 'string' ? [] : [{ ...file, path, alive: await isAlive(file) }]
    }),
  )
  return runs.flat().sort((a, b) => a.startedAtMs - b.startedAtMs)
}

/** Whether the process that wrote it still runs; in doubt it does. */
export const isAlive = async ({ owner }: Pick<RunFile, 'owner'>): Promise<boolean> =>
  owner.startTime === null ? isRunning(owner.pid) : await isSameProcess(owner.pid, owner.startTime)

/**
 * `gone`: there is no such file. `foreign`: of another machine, container or version, not for us to judge. `corrupt`:
 * not a run record.
 */
export async function readRunFile(path: string): Promise<RunFile | 'gone' | 'foreign' | 'corrupt'> {
  let text: string
  try {
    // A fifo of that name would be waited for without end.
    if (!(await lstat(path)).isFile()) return 'corrupt'
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'gone'
    throw error
  }
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    return 'corrupt'
  }
  if (!isObject(file) || typeof file.version !== 'number') return 'corrupt'
  if (file.version !== VERSION) return 'foreign'
  if (!isRunFile(file)) return 'corrupt'
  return file.machine === machineId() ? file : 'foreign'
}

/** Where a record is written before it is renamed; left behind only by a SIGKILL. */
export const temporaryOf = (path: string, { nonce }: RunFile): string => `${path}.${nonce}.tmp`

/** Names in a folder; none when it does not exist. */
export async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

export const isRecordName = (name: string): boolean => name.endsWith('.json')

/** A run id comes from the user and may be anything; only a plain one becomes a file name. */
export const recordNameOf = (runId: string): string =>
  `${/^[A-Za-z0-9][\w.-]{0,99}$/.test(runId) ? runId : new Bun.CryptoHasher('sha256').update(runId).digest('hex')}.json`

export const runIdInUse = (runId: string): OpenworkError =>
  new OpenworkError('run_id_in_use', `A run with the id ${runId} is recorded already`, {
    hint: 'Choose another --run-id, or leave it out to get a new one.',
    details: { runId },
  })

const writePrivate = (path: string, file: RunFile): Promise<void> =>
  writeFile(path, JSON.stringify(file), { mode: 0o600 })

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isStartTime = (value: unknown): boolean => value === null || typeof value === 'string'

const isPid = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0

function isRunFile(file: Record<string, unknown>): file is RunFile {
  const { runId, nonce, machine, owner, startedAtMs, processes } = file
  return (
    typeof runId === 'string' &&
    // Looked for in the environment of every process: an empty one would match them all.
    typeof nonce === 'string' &&
    /^[0-9a-f]{32}$/.test(nonce) &&
    typeof machine === 'string' &&
    typeof startedAtMs === 'number' &&
    isObject(owner) &&
    isPid(owner.pid) &&
    isStartTime(owner.startTime) &&
    Array.isArray(processes) &&
    processes.every(isRecordedProcess)
  )
}

const isRecordedProcess = (value: unknown): value is RecordedProcess =>
  isObject(value) &&
  typeof value.service === 'string' &&
  typeof value.marker === 'string' &&
  isPid(value.pid) &&
  isPid(value.group) &&
  // Init cannot be a child of ours; as a group it would mean every process there is.
  value.group !== 1 &&
  isStartTime(value.startTime)
