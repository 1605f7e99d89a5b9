import pc from 'picocolors'
import { plainText, type Severity } from '../../shared/log.ts'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import { clockSeconds } from '../clock-time.ts'

/** From the least to the most important. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly Severity[]

/** A line of a host's log. */
export type LogLine = {
  /** Of a line that is no record: that of the record before it. */
  atMs: number | undefined
  service: string
  level: Severity
  /** Message and attributes, without colours and control characters. */
  text: string
  /** As a JSON record. */
  record: string
  /** Of a record of the host itself: its attributes, which nobody else can have written. */
  facts?: Readonly<Record<string, unknown>>
}

/** Said in columns of their own, or of the process that wrote the record and not of what it tells. */
const TOLD_OTHERWISE = new Set(['run.id', 'process.pid', 'service.component', 'host.end'])

/**
 * Reads the lines of a log file in their order. What is no record of ours, the last words of a host that crashed say, is
 * kept as it is, as an error of the host.
 */
export function logLineReader(): (line: string) => LogLine[] {
  let lastMs: number | undefined
  return line => {
    if (line.trim() === '') return []
    const read = parseRecord(line) ?? brokenLine(line, lastMs)
    lastMs = read.atMs
    return [read]
  }
}

/** `14:05:09 [opencode] WARN text`; the level is left out for info. */
export function renderLogLine({ atMs, service, level, text }: Omit<LogLine, 'record'>, color: boolean): string {
  const paint = pc.createColors(color)
  const shownLevel = {
    debug: paint.dim('DEBUG '),
    info: '',
    warn: paint.yellow('WARN '),
    error: paint.red('ERROR '),
  }[level]
  const time = atMs === undefined ? '' : `${paint.dim(clockSeconds(atMs))} `
  return `${time}${paint.cyan(`[${service}]`)} ${shownLevel}${text}`
}

/** The record for what a host tells without writing it to a file. */
export const recordOf = ({ atMs, service, level, text }: Omit<LogLine, 'record'>): string =>
  JSON.stringify({
    ...(atMs !== undefined && { timeUnixNano: `${atMs}000000` }),
    severityText: level.toUpperCase(),
    body: text,
    attributes: { 'service.component': service },
  })

function parseRecord(line: string): LogLine | undefined {
  const record = line.startsWith('{') ? parsed(line) : undefined
  if (!isObject(record) || typeof record.timeUnixNano !== 'string' || record.body === undefined) return undefined
  const { severityText, body } = record
  const attributes = isObject(record.attributes) ? record.attributes : {}
  // A child may write what it likes, the name of the host too: only what the host says of it counts.
  const stamp = isObject(record.openwork) ? record.openwork : undefined
  const isOfChild = stamp !== undefined
  const service = isOfChild ? stamp.component : attributes['service.component']
  const atMs = Number(String(stamp?.timeUnixNano ?? record.timeUnixNano).slice(0, -6))
  return {
    atMs: Number.isFinite(atMs) ? atMs : undefined,
    service: typeof service === 'string' ? plain(service) : ORCHESTRATOR,
    level: levelOf(severityText),
    text: plainText({
      message: typeof body === 'string' ? body : JSON.stringify(body),
      // As in the pretty log, where a program of ours that is part of a host says its message alone.
      attributes: isOfChild
        ? {}
        : Object.fromEntries(Object.entries(attributes).filter(([key]) => !isToldOtherwise(key, attributes))),
    }),
    record: line,
    ...(!isOfChild && service === ORCHESTRATOR && { facts: attributes }),
  }
}

/** A line of a child comes with the stream it was printed on, and the child's pid. */
const isToldOtherwise = (key: string, { stream }: Record<string, unknown>): boolean =>
  TOLD_OTHERWISE.has(key) || ((key === 'stream' || key === 'pid') && (stream === 'stdout' || stream === 'stderr'))

function brokenLine(line: string, atMs: number | undefined): LogLine {
  const read = { atMs, service: ORCHESTRATOR, level: 'error', text: plain(line) } as const
  return { ...read, record: recordOf(read) }
}

const plain = (message: string): string => plainText({ message, attributes: {} })

function levelOf(severity: unknown): Severity {
  const name = String(severity).toLowerCase()
  return name === 'debug' || name === 'warn' || name === 'error' ? name : 'info'
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // cut off, or text that begins with a brace
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
