import { OpenworkError } from '../../shared/errors.ts'
import { shown } from '../kit/usage.ts'

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * The moment that `90s`, `15m`, `1.5h` or `2d` ago was, or that a time of day (the last one) or a date names.
 * @throws OpenworkError invalid_value
 */
export function parseSince(text: string, nowMs: number, label: string): number {
  const atMs = ago(text.trim(), nowMs) ?? timeOfDay(text.trim(), nowMs) ?? date(text.trim())
  if (atMs !== undefined) return atMs
  throw new OpenworkError(
    'invalid_value',
    `${label}: expected how long ago, such as 90s, 15m, 1h or 2d, or a time such as 14:05 or 2026-01-31T14:05, got ${shown(text)}`,
  )
}

function ago(text: string, nowMs: number): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([smhd])$/i.exec(text) ?? []
  return number === undefined ? undefined : nowMs - Number(number) * (UNIT_MS[unit.toLowerCase()] ?? 0)
}

function timeOfDay(text: string, nowMs: number): number | undefined {
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text) ?? []
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const at = new Date(nowMs)
  at.setHours(Number(hours), Number(minutes), Number(seconds), 0)
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1)
  return at.getTime()
}

/** Without a time zone it is of this machine's. */
function date(text: string): number | undefined {
  const [, day, time = '00:00'] = /^(\d{4}-\d{2}-\d{2})(?:[T ](.+))?$/.exec(text) ?? []
  const atMs = day === undefined ? Number.NaN : Date.parse(`${day}T${time}`)
  return Number.isNaN(atMs) ? undefined : atMs
}
