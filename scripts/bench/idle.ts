// What a host that nobody talks to costs, without opencode. Linux only: /proc knows proportional memory.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { RunningHost, World } from '../../test/e2e/harness.ts'
import type { Measurement } from './measure.ts'

const SETTLE_MS = 5_000
const WATCH_MS = 20_000
/** Clock ticks per second in /proc: 100 on every Linux that Bun runs on. */
export const TICKS_PER_S = 100
const MB_BUDGET = 90
const CPU_BUDGET_PERCENT = 0.5

export async function measureIdle(world: World, host: RunningHost): Promise<Measurement[]> {
  if (process.platform !== 'linux') return []
  await Bun.sleep(SETTLE_MS)
  const opencodePath = host.document.diagnostics.binaries.opencode.path
  const ours = world.processes().filter(({ command }) => !command.startsWith(opencodePath))
  const ticksBefore = sum(ours.map(({ pid }) => cpuTicks(pid)))
  await Bun.sleep(WATCH_MS)
  const ticks = sum(ours.map(({ pid }) => cpuTicks(pid))) - ticksBefore
  const memory = ours.map(({ pid }) => ({
    name: pid === host.pid ? 'orchestrator' : 'openwork-server',
    mb: pssMb(pid),
  }))

  const each = memory.map(({ name, mb }) => `${name} ${mb.toFixed(1)}`).join(' + ')
  const strangers = othersOf(host.pid, new Set(ours.map(({ pid }) => pid)))
  const doubt = strangers > 0 ? `; too low: ${strangers} other processes run the same file` : ''
  return [
    {
      name: `idle memory, proportional (${each}${doubt})`,
      unit: 'MB',
      value: sum(memory.map(({ mb }) => mb)),
      budget: { of: 'value', atMost: MB_BUDGET },
    },
    {
      name: 'idle CPU of our processes',
      unit: '% of a core',
      value: (ticks / TICKS_PER_S / (WATCH_MS / 1000)) * 100,
      budget: { of: 'value', atMost: CPU_BUDGET_PERCENT },
    },
  ]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

/** Private memory, and the process's share of what it maps together with others. */
export function pssMb(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return (Number(kilobytes) * 1024) / 1e6
}

/** How many processes beside ours run the executable of `pid`: they take over a part of what is counted. */
function othersOf(pid: number, ours: ReadonlySet<number>): number {
  const executable = executableOf(pid)
  const all = readdirSync('/proc').map(Number)
  return all.filter(each => each > 0 && !ours.has(each) && executableOf(each) === executable).length
}

/** Undefined for a process that has ended, or belongs to another user. */
function executableOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return undefined
  }
}

/** User and system time so far. Fields are counted behind the program's name, which may hold spaces and parentheses. */
export function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}
