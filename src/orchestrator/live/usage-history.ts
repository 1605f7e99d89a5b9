import type { ServiceUsage } from '../../api/host.ts'
import type { ProcessUsage } from '../../supervisor/process-usage.ts'

export const SAMPLE_MS = 2_000
const MAX_SAMPLES = 60

type Point = { pid: number; cpuMs: number; atMs: number }
type Kept = { last: Point; usage: ServiceUsage }

/** What the services cost, over the last two minutes of being looked at, as long as it is the same process. */
export class UsageHistory {
  readonly #kept = new Map<string, Kept>()

  /** Of one process, under the name of its service. */
  add(service: string, pid: number, { cpuMs, memoryBytes, children }: ProcessUsage, atMs: number): void {
    const kept = this.#kept.get(service)
    const last = { pid, cpuMs, atMs }
    // Of another process, or of a time in which nobody looked, the difference says nothing.
    const isNext = kept?.last.pid === pid && atMs - kept.last.atMs < 2 * SAMPLE_MS && atMs > kept.last.atMs
    if (!isNext) {
      this.#kept.set(service, { last, usage: { everyMs: SAMPLE_MS, cpuPercent: [], memoryBytes: [], processes: 0 } })
      return
    }
    const { usage } = kept
    // A child that ends without having been waited for takes its time with it.
    const percent = Math.max(0, ((cpuMs - kept.last.cpuMs) / (atMs - kept.last.atMs)) * 100)
    this.#kept.set(service, {
      last,
      usage: {
        everyMs: SAMPLE_MS,
        cpuPercent: [...usage.cpuPercent, Math.round(percent * 10) / 10].slice(-MAX_SAMPLES),
        memoryBytes: [...usage.memoryBytes, memoryBytes].slice(-MAX_SAMPLES),
        processes: children + 1,
      },
    })
  }

  /** Undefined until this process of it was measured. */
  of(service: string, pid: number): ServiceUsage | undefined {
    const kept = this.#kept.get(service)
    return kept?.last.pid === pid && kept.usage.memoryBytes.length > 0 ? kept.usage : undefined
  }
}
