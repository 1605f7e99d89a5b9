import { readFileSync } from 'node:fs'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { DEATH_LIMIT_MS, linuxPids } from './process-group.ts'
import { linuxProcess, type StartTime } from './process-identity.ts'

/**
 * Every child carries `OPENWORK_SPAWN=<nonce>:<service>:<generation>` in its environment and hands it on to what it
 * starts. So a process that left the group with setsid can still be told to be ours.
 */
export const MARKER_VARIABLE = 'OPENWORK_SPAWN'

export const spawnMarker = (nonce: string, service: string, generation: number): string =>
  `${nonce}:${service}:${generation}`

/** Of every generation of a service. */
export const markerPrefix = (nonce: string, service: string): string => `${nonce}:${service}:`

export const serviceOf = (marker: string): string => marker.split(':')[1] ?? ''

export type Marked = { pid: number; startTime: StartTime; marker: string }

/** How many processes are looked at before other work gets its turn. */
const BATCH = 64

/** A process that forks while it is searched for may be missed once, not for ever. */
const MAX_ROUNDS = 10

/**
 * SIGKILLs every process whose marker begins with `prefix`, until none is found, and waits for their end. Linux only:
 * elsewhere the environment of another process cannot be read, and nothing is done.
 */
export async function killMarked(prefix: string): Promise<Marked[]> {
  const killed = new Map<number, Marked>()
  if (process.platform !== 'linux') return []
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let found = false
    for (const [index, pid] of linuxPids().entries()) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      const marked = killIfMarked(pid, prefix)
      if (!marked) continue
      found = true
      killed.set(pid, marked)
    }
    if (!found) break
  }
  await untilGone([...killed.values()])
  return [...killed.values()]
}

/** The same in one go and without waiting, for when there may be no later. */
export function killMarkedNow(prefix: string): Marked[] {
  if (process.platform !== 'linux') return []
  return linuxPids().flatMap(pid => killIfMarked(pid, prefix) ?? [])
}

/** A killed process loses its environment first: until it has ended it runs, but cannot be found by it any more. */
export async function untilGone(killed: readonly Marked[]): Promise<void> {
  const untilMs = performance.now() + DEATH_LIMIT_MS
  const runs = ({ pid, startTime }: Marked) => linuxProcess(pid)?.startTime === startTime
  while (killed.some(runs) && performance.now() < untilMs) await sleep(1)
}

/** The process, when its marker had this prefix and it was killed. */
function killIfMarked(pid: number, prefix: string): Marked | undefined {
  if (pid === process.pid) return undefined
  const assignment = `${MARKER_VARIABLE}=`
  const variable = variablesOf(pid).find(variable => variable.startsWith(assignment + prefix))
  const startTime = linuxProcess(pid)?.startTime
  if (variable === undefined || startTime === undefined) return undefined
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    return undefined // ended by itself, or not ours to end (setuid)
  }
  return { pid, startTime, marker: variable.slice(assignment.length) }
}

/** None for a process of another user, and for one that ended. */
function variablesOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return []
  }
}
