import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { linuxPids } from './process-group.ts'

/** What a process costs together with everything it started that still runs. */
export type ProcessUsage = {
  /** Resident memory. What processes share, such as the pages of one executable, counts for each of them. */
  memoryBytes: number
  /** Processes beside the first one. */
  children: number
  /** Time on a processor so far, that of children which have ended included as far as they were waited for. */
  cpuMs: number
}

/** A line of the process table. */
export type ProcessRow = { pid: number; parent: number; group: number; memoryBytes: number; cpuMs: number }

/** `ps` answers in well under this, or not at all. */
const ASK_LIMIT_MS = 5_000
/** Clock ticks per second as /proc counts them: 100 for every Linux that Bun runs on. */
const TICKS_PER_S = 100

/** Undefined when there is no such process, and where the system does not tell (Windows). */
export const processUsage = async (pid: number): Promise<ProcessUsage | undefined> =>
  (await processUsages([pid])).get(pid)

/**
 * The same for several, by one look at all processes. One that another of them has started does not count for that one.
 * Those that are not there are left out, and all where the system does not tell. For `starter`, who starts one after the
 * other of those that are measured, the time of processes which have ended does not count either: what one of them took in
 * its life would be the starter's, at once, with its end.
 */
export async function processUsages(pids: readonly number[], starter?: number): Promise<Map<number, ProcessUsage>> {
  const trees = await treesOf(pids, starter)
  return new Map([...trees].map(([pid, tree]) => [pid, sumOf(tree)]))
}

async function treesOf(pids: readonly number[], starter: number | undefined): Promise<Map<number, Measured[]>> {
  switch (process.platform) {
    case 'linux':
      return linuxTrees(pids, starter)
    case 'win32':
      return new Map()
    default:
      return treesIn(parseProcessTable(await processTable()), pids)
  }
}

/**
 * The share of a process in a table of all: its own, that of its descendants, and that of the members of its group
 * whose parents have ended. Undefined when it is not in there.
 */
export function usageOf(pid: number, rows: readonly ProcessRow[]): ProcessUsage | undefined {
  const tree = treesIn(rows, [pid]).get(pid)
  return tree && sumOf(tree)
}

/** `ps -o pid=,ppid=,pgid=,rss=,time=`; lines that are none of it are passed over. */
export function parseProcessTable(text: string): ProcessRow[] {
  return text.split('\n').flatMap(line => {
    const [pid, parent, group, kilobytes, time] = line.trim().split(/\s+/)
    if (time === undefined || !/^\d+$/.test(`${pid}${parent}${group}${kilobytes}`)) return []
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      memoryBytes: Number(kilobytes) * 1024,
      cpuMs: millisecondsOf(time),
    }
  })
}

type Kin = Pick<ProcessRow, 'pid' | 'parent' | 'group'>

/** Each with what belongs to it; roots that are not there are left out. */
export function treesIn<Row extends Kin>(rows: readonly Row[], roots: readonly number[]): Map<number, Row[]> {
  const childrenOf = Map.groupBy(rows, ({ parent }) => parent)
  const trees = roots.flatMap((root): [number, Row[]][] => {
    const first = rows.find(({ pid }) => pid === root)
    if (!first) return []
    const isOther = ({ pid }: Row): boolean => pid !== root && roots.includes(pid)
    const members = first.group === root ? rows.filter(row => row.group === root && !isOther(row)) : []
    const tree = new Set([first, ...members])
    // A set that grows while it is walked is walked to its new end.
    for (const { pid: parent } of tree)
      for (const child of childrenOf.get(parent) ?? []) if (!isOther(child)) tree.add(child)
    return [[root, [...tree]]]
  })
  return new Map(trees)
}

type Measured = Pick<ProcessRow, 'memoryBytes' | 'cpuMs'>

const sumOf = (tree: readonly Measured[]): ProcessUsage => ({
  memoryBytes: tree.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  children: tree.length - 1,
  cpuMs: tree.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
})

/** `[days-]hours:minutes:seconds`, or `minutes:seconds.hundredths` as macOS has it. */
function millisecondsOf(time: string): number {
  const [clock = '', days = '0'] = time.split('-').reverse()
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
  return Math.round((Number(days) * 86_400 + seconds) * 1_000)
}

function processTable(): Promise<string> {
  const options = { timeout: ASK_LIMIT_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } }
  return new Promise(resolve => {
    execFile('ps', ['-axo', 'pid=,ppid=,pgid=,rss=,time='], options, (error, stdout) => resolve(error ? '' : stdout))
  })
}

/** Memory is read for those of the trees alone: the proportional one (`smaps_rollup`) would cost milliseconds for each. */
function linuxTrees(pids: readonly number[], starter: number | undefined): Map<number, Measured[]> {
  const rows = linuxPids().flatMap(pid => linuxRow(pid, { countsEnded: pid !== starter }) ?? [])
  const trees = [...treesIn(rows, pids)].map(([pid, tree]): [number, Measured[]] => [
    pid,
    tree.map(row => ({ ...row, memoryBytes: residentBytes(row.pid) })),
  ])
  return new Map(trees)
}

type LinuxRow = Omit<ProcessRow, 'memoryBytes'>

/** Undefined when it is gone, a zombie, or hidden from us (hidepid). */
function linuxRow(pid: number, { countsEnded }: { countsEnded: boolean }): LinuxRow | undefined {
  const stat = textOf(`/proc/${pid}/stat`)
  // The name is in parentheses and may hold spaces and parentheses itself: count from the last one (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent, group] = fields
  if (!parent || !group || state === 'Z' || state === 'X') return undefined
  // utime, stime, and the same of children that ended and were waited for.
  const ticks = fields.slice(11, countsEnded ? 15 : 13).reduce((sum, field) => sum + Number(field), 0)
  return { pid, parent: Number(parent), group: Number(group), cpuMs: (ticks * 1_000) / TICKS_PER_S }
}

/** By `status`, which counts in kB: `statm` counts in pages, whose size only the C library tells. */
const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0) * 1024

/**
 * Empty for a process that has ended meanwhile. Read at once: the kernel has it in memory, and a thread for each of the
 * hundreds of them costs thrice the time.
 */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
