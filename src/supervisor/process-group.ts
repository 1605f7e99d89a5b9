import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemCode } from '../shared/errors.ts'
import { linuxProcess } from './process-identity.ts'

/** How long killed processes may take to disappear. */
export const DEATH_LIMIT_MS = 1_000

/** Longest pause between two looks at a group that is ending; the first is 1 ms, most are gone by then. */
const MAX_LOOK_PAUSE_MS = 25

/** A process and everything it started. Signalling one that is gone does nothing. */
export type ProcessGroup = {
  signal(leader: number, signal: NodeJS.Signals): void
  kill(leader: number): void
  /** Whether no member runs any more. */
  isEmpty(leader: number): boolean
}

const posixGroup: ProcessGroup = {
  signal: (leader, signal) => void send(leader, signal),
  kill: leader => void send(leader, 'SIGKILL'),
  // Zombies answer to signal 0. Where the first process of a container does not collect them they stay for ever, so
  // on Linux the process list has the last word.
  isEmpty: leader => !send(leader, 0) || (process.platform === 'linux' && !hasRunningMember(leader)),
}

/** Windows knows no signals: a tree is asked to close, and killed when it does not take that. */
const windowsTree: ProcessGroup = {
  signal: leader => {
    if (!taskkill(leader)) taskkill(leader, '/F')
  },
  kill: leader => void taskkill(leader, '/F'),
  // `taskkill /T` found the members by their living parents; there is no group to ask afterwards.
  isEmpty: () => true,
}

export const processGroup: ProcessGroup = process.platform === 'win32' ? windowsTree : posixGroup

/** Waits until no member runs, killing them when they still do after `graceMs`. A second later it is given up. */
export async function clearGroup(leader: number, graceMs: number): Promise<void> {
  if (await isEmptyWithin(leader, graceMs)) return
  processGroup.kill(leader)
  await isEmptyWithin(leader, DEATH_LIMIT_MS)
}

/** Looks at once, then again and again. */
async function isEmptyWithin(leader: number, limitMs: number): Promise<boolean> {
  const untilMs = performance.now() + limitMs
  for (let pauseMs = 1; !processGroup.isEmpty(leader); pauseMs = Math.min(pauseMs * 2, MAX_LOOK_PAUSE_MS)) {
    const leftMs = untilMs - performance.now()
    if (leftMs <= 0) return false
    await sleep(Math.min(pauseMs, leftMs))
  }
  return true
}

/** False when there is no such group. */
function send(leader: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and 1 would mean our own group and every process there is.
  if (!Number.isSafeInteger(leader) || leader <= 1) throw new RangeError(`Not the leader of a group: ${leader}`)
  try {
    return process.kill(-leader, signal)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ESRCH') return false
    if (code === 'EPERM') return process.platform !== 'darwin' // macOS says so for a group of zombies
    throw error
  }
}

/** Where processes cannot be listed, in doubt it has. */
function hasRunningMember(leader: number): boolean {
  const pids = linuxPids()
  return pids.length === 0 || pids.some(pid => linuxProcess(pid)?.group === leader)
}

/** Every process there is; Linux only. None where /proc is not mounted. */
export function linuxPids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isSafeInteger)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

function taskkill(pid: number, ...force: '/F'[]): boolean {
  const { status } = spawnSync('taskkill', ['/PID', String(pid), '/T', ...force], {
    stdio: 'ignore',
    windowsHide: true,
  })
  return status === 0
}
