import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { linuxPids } from './process-group.ts'
import { linuxProcess } from './process-identity.ts'

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

export type Marked = { pid: number; marker: string }

/** How many processes are looked at before other work gets its turn. */
const BATCH = 64

/** A process that forks while it is searched for may be missed once, not for ever. */
const MAX_ROUNDS = 10

/**
 * SIGKILLs every process whose marker begins with `prefix`, until none is found. Linux only: elsewhere the environment
 * of another process cannot be read, and nothing is done.
 */
export async function killMarked(prefix: string): Promise<Marked[]> {
  const killed = new Map<number, Marked>()
  if (process.platform !== 'linux') return []
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let found = false
    for (const [index, pid] of linuxPids().entries()) {
      if (index % BATCH === BATCH - 1) await setImmediate()
      const marker = killIfMarked(pid, prefix)
      if (marker === undefined) continue
      found = true
      killed.set(pid, { pid, marker })
    }
    if (!found) break
  }
  return [...killed.values()]
}

/** The same in one go, for when there is no later. */
export function killMarkedNow(prefix: string): void {
  if (process.platform !== 'linux') return
  for (const pid of linuxPids()) killIfMarked(pid, prefix)
}

/** The marker of the process, when it had this prefix and was killed. */
function killIfMarked(pid: number, prefix: string): string | undefined {
  if (pid === process.pid) return undefined
  const assignment = `${MARKER_VARIABLE}=`
  const marker = variablesOf(pid).find(variable => variable.startsWith(assignment + prefix))
  if (marker === undefined || !linuxProcess(pid)) return undefined // a zombie
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    return undefined // ended by itself, or not ours to end (setuid)
  }
  return marker.slice(assignment.length)
}

/** None for a process of another user, and for one that ended. */
function variablesOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return []
  }
}
