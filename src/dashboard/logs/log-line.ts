import { type HostLogEntry, LOG_LEVELS, type LogLevel } from '../../api/host.ts'
import { harmless, inert } from '../text.ts'

export type LogLine = {
  /** Counts up with every line of the view, whatever it is filtered by. */
  id: number
  atMs: number
  /** Empty: no service said this, it is a note about the log itself. */
  service: string
  level: LogLevel
  /** Harmless to a screen. */
  text: string
  /** As it was said, for copies, where the screen shows it otherwise. */
  original?: string
}

export const isNote = ({ service }: LogLine): boolean => service === ''

export function logLine(id: number, { atMs, service, level, text }: HostLogEntry): LogLine {
  const original = inert(text)
  const shown = harmless(text)
  return {
    id,
    atMs,
    service: harmless(service) || '?',
    level,
    text: shown,
    ...(shown !== original && { original }),
  }
}

export const noteLine = (id: number, atMs: number, missing: number): LogLine => ({
  id,
  atMs,
  service: '',
  level: 'warn',
  text: `--- ${missing} ${missing === 1 ? 'line' : 'lines'} left out here: they came faster than they could be shown ---`,
})

/** About what it takes in memory. */
export const bytesOf = ({ text, original = '' }: LogLine): number =>
  128 + Buffer.byteLength(text) + Buffer.byteLength(original)

const RANK = Object.fromEntries(LOG_LEVELS.map((level, index) => [level, index])) as Record<LogLevel, number>

export type LineFilter = {
  /** Absent: all. */
  service?: string | undefined
  /** And above. Absent: all. */
  level?: LogLevel | undefined
}

/** Notes are shown whatever the filter: the lines that are missing could be of any kind. */
export const passes = (line: LogLine, { service, level }: LineFilter): boolean =>
  isNote(line) || ((!service || line.service === service) && (!level || RANK[line.level] >= RANK[level]))

/** `openwork-server` as `server`: rows are short. */
export const shortService = (service: string): string => service.replace(/^openwork-/, '')

/** As it is copied and exported. */
export function plainLine(line: LogLine): string {
  const time = new Date(line.atMs).toISOString()
  return isNote(line)
    ? `${time} ${line.text}`
    : `${time} [${line.service}] ${line.level.toUpperCase().padEnd(5)} ${line.original ?? line.text}`
}
