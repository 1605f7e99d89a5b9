import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemCode } from '../shared/errors.ts'
import { tellOfKill } from './last-words.ts'
import { clearGroup, processGroup } from './process-group.ts'
import { isSameProcess } from './process-identity.ts'
import { isAlive, isRecordName, namesIn, type RunFile, readRunFile, recordNameOf, temporaryOf } from './run-record.ts'
import { killMarked, serviceOf } from './spawn-marker.ts'

export type Reaped = {
  killed: { service: string; pid: number }[]
  /** Files that are no run records; each was renamed to this path, which ends in `.corrupt`. */
  setAside: string[]
}

/** How long what a dead run left may take to end after SIGTERM. */
const GRACE_MS = 1_000

/** No reaping and no write takes this long: what is older was left by a process that was killed meanwhile. */
const ABANDONED_MS = 30_000

/** How long another start that reaps the same run is waited for. */
const OTHERS_LIMIT_MS = 3_000

const CLAIM = '.reaping'

/**
 * Ends what runs in `dir` left behind whose owner is dead, and removes their records. Several starts may do this at
 * once: each run is reaped by one of them, and all return when it is done. A living run is not touched.
 */
export async function reapDeadRuns(dir: string, nowMs: () => number = Date.now): Promise<Reaped> {
  const names = await namesIn(dir)
  const reaped = await Promise.all(
    names.map(async (name): Promise<Reaped> => {
      const path = join(dir, name)
      if (isRecordName(name)) return await reapRun(path)
      if (!(await isAbandoned(path, nowMs()))) return NOTHING
      if (name.endsWith(CLAIM)) return await reapRun(path)
      if (name.endsWith('.tmp')) await rm(path, { force: true })
      return NOTHING
    }),
  )
  await othersAreDone(dir)
  return { killed: reaped.flatMap(({ killed }) => killed), setAside: reaped.flatMap(({ setAside }) => setAside) }
}

/**
 * The same for one record. Does nothing when its run is alive, of another machine, or already in another's hands. The
 * caller may be a process of that run itself: it is the one that is left.
 *
 * @param options.ownerEndsWithinMs wait so long for the end of an owner that is known to be ending
 */
export async function reapRun(path: string, { ownerEndsWithinMs = 0 } = {}): Promise<Reaped> {
  const file = await readRunFile(path)
  if (file === 'corrupt') return await setAside(path)
  if (typeof file === 'string' || !(await isDeadWithin(file, ownerEndsWithinMs))) return NOTHING

  const claim = `${path}.${process.pid}${CLAIM}`
  if (!(await renamed(path, claim))) return NOTHING
  const claimed = await readRunFile(claim)
  if (typeof claimed === 'string' || claimed.nonce !== file.nonce) {
    // A new run of the same id came in between: it is not what was found dead.
    await renamed(claim, path)
    return NOTHING
  }
  const killed = await killLeftovers(file)
  tellOfKill(file, killed.length)
  await rm(temporaryOf(path, file), { force: true })
  await rm(claim, { force: true })
  return { killed, setAside: [] }
}

/** Whether somebody is at a run of this id, which was found dead, and takes away what it left. */
export const isBeingReaped = async (dir: string, runId: string): Promise<boolean> =>
  (await namesIn(dir)).some(name => name.startsWith(`${recordNameOf(runId)}.`) && name.endsWith(CLAIM))

/** A process that is ending closes its pipes first: who learns of its death that way may still see it run. */
async function isDeadWithin(file: RunFile, limitMs: number): Promise<boolean> {
  for (const untilMs = performance.now() + limitMs; await isAlive(file); await sleep(5))
    if (performance.now() >= untilMs) return false
  return true
}

const NOTHING: Reaped = { killed: [], setAside: [] }

async function killLeftovers({ processes, nonce }: RunFile): Promise<Reaped['killed']> {
  const found = await Promise.all(
    processes.map(async ({ service, pid, startTime, group }) => {
      if (pid === process.pid || startTime === null || !(await isSameProcess(pid, startTime))) return []
      processGroup.signal(group, 'SIGTERM')
      await clearGroup(group, GRACE_MS)
      return [{ service, pid }]
    }),
  )
  const strays = await killMarked(`${nonce}:`)
  return [...found.flat(), ...strays.map(({ pid, marker }) => ({ service: serviceOf(marker), pid }))]
}

async function setAside(path: string): Promise<Reaped> {
  const aside = `${path}.corrupt`
  return (await renamed(path, aside)) ? { killed: [], setAside: [aside] } : NOTHING
}

/** False when there was no such file any more. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

/** By the time of its last change, renaming included. */
async function isAbandoned(path: string, nowMs: number): Promise<boolean> {
  try {
    return nowMs - (await stat(path)).ctimeMs > ABANDONED_MS
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

async function othersAreDone(dir: string): Promise<void> {
  for (const untilMs = performance.now() + OTHERS_LIMIT_MS; performance.now() < untilMs; await sleep(10)) {
    if (!(await namesIn(dir)).some(name => name.endsWith(CLAIM))) return
  }
}
