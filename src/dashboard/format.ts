/** Values as people read them, in few cells. */

/** `4s`, `3m 20s`, `2h 05m`, `3d 4h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours}h ${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `now`, `4m ago`, `3d ago`: one unit is enough to find what one did last. */
export function ago(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 5) return 'now'
  if (seconds < 60) return `${seconds}s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ago`
  return `${Math.floor(seconds / 86_400)}d ago`
}

/** What is left until a deadline: `0:42`. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`
}

/** `812 kB`, `41 MB`, `1.2 GB`. */
export function bytes(value: number): string {
  if (value < 1e6) return `${Math.round(value / 1e3)} kB`
  return value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`
}

/** Of one core. */
export const percent = (value: number): string => (value < 9.95 ? `${value.toFixed(1)}%` : `${Math.round(value)}%`)

/** How a process ended. */
export const exitText = ({ code, signal }: { code: number | null; signal: string | null }): string =>
  signal ? `killed by ${signal}` : `exit code ${code}`

/** `1 session`, `2 sessions`. */
export const count = (amount: number, one: string, many = `${one}s`): string => `${amount} ${amount === 1 ? one : many}`

const BARS = '▁▂▃▄▅▆▇█'

/** The last values as a row of bars, of which `full` is the highest; as wide as it is told. */
export function sparkline(values: readonly number[], width: number, full: number): string {
  const bars = values.slice(-width).map(value => {
    const level = full > 0 ? Math.round((value / full) * (BARS.length - 1)) : 0
    return BARS[Math.min(BARS.length - 1, Math.max(0, level))]
  })
  return bars.join('').padStart(width)
}
