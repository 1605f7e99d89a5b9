import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import pc from 'picocolors'
import type { Redactor } from './redact.ts'

export type Severity = 'debug' | 'info' | 'warn' | 'error'
export type LogFormat = 'pretty' | 'json'

/** OpenTelemetry severity numbers. */
const SEVERITY_NUMBER: Record<Severity, number> = { debug: 5, info: 9, warn: 13, error: 17 }

export type LogRecord = {
  readonly timeMs: number
  readonly severity: Severity
  /** Which program speaks: `openwork-orchestrator`, `opencode`, `openwork-server`, … */
  readonly component: string
  readonly message: string
  readonly attributes: Readonly<Record<string, unknown>>
}

export type LogOptions = {
  format: LogFormat
  color: boolean
  /** Correlates all records of one run, of every program in it. */
  runId: string
  serviceName: string
  serviceVersion: string
  /** More about where records come from (`OTEL_RESOURCE_ATTRIBUTES`), for the JSON form; what we know ourselves wins. */
  resource?: Readonly<Record<string, string>>
  /** Records below this are not written. */
  minimum: Severity
  redactor: Redactor
  /** Takes one line without its line feed. Must not block. */
  write: (line: string) => void
  /**
   * JSON: a record that a child printed says under `openwork` who that was and when, so that nothing in it is taken for
   * the word of another.
   */
  stampsChildren?: boolean
  /** Pretty output of a program that is itself a component of another log stream: the message alone. */
  bare?: boolean
}

/** `text`: message and attributes on one line, without colours and control characters, secrets masked. Must not throw. */
export type LogTap = (record: LogRecord, text: string) => void

/** Writes records as lines. One per process; `for()` gives the voice of another component. */
export class Log {
  readonly #options: LogOptions
  readonly #component: string
  readonly #taps: Set<LogTap>

  constructor(options: LogOptions, component: string = options.serviceName, taps: Set<LogTap> = new Set()) {
    this.#options = options
    this.#component = component
    this.#taps = taps
  }

  for(component: string): Log {
    return new Log(this.#options, component, this.#taps)
  }

  /** From now on given every record of every component, lines of children included. Returns how to stop that. */
  tap(tap: LogTap): () => void {
    this.#taps.add(tap)
    return () => this.#taps.delete(tap)
  }

  get redactor(): Redactor {
    return this.#options.redactor
  }

  debug(message: string, attributes: Record<string, unknown> = {}): void {
    this.#record('debug', message, attributes)
  }

  info(message: string, attributes: Record<string, unknown> = {}): void {
    this.#record('info', message, attributes)
  }

  warn(message: string, attributes: Record<string, unknown> = {}): void {
    this.#record('warn', message, attributes)
  }

  error(message: string, attributes: Record<string, unknown> = {}): void {
    this.#record('error', message, attributes)
  }

  /**
   * A line that a child printed. A line that is already a log record in our JSON form keeps its severity, and in JSON
   * output passes through as it is, secrets masked.
   */
  childLine(line: string, from: { stream: 'stdout' | 'stderr'; pid: number }): void {
    const { format, redactor } = this.#options
    const nested = parseJsonRecord(line)
    const severity = nested?.severity ?? severityHint(line) ?? (from.stream === 'stderr' ? 'error' : 'info')
    if (SEVERITY_NUMBER[severity] < SEVERITY_NUMBER[this.#options.minimum]) return
    const message = redactor.text(nested?.body ?? line)
    // A program of ours says in its message what a person needs.
    const record = this.#recordOf(severity, message, {})
    this.#tell(record)
    if (format === 'json' && nested) this.#pass(nested.raw, record)
    else this.#write({ ...record, attributes: format === 'json' ? { stream: from.stream, pid: from.pid } : {} })
  }

  #pass(raw: Record<string, unknown>, { component, timeMs }: LogRecord): void {
    const { redactor, write, stampsChildren } = this.#options
    const stamp = stampsChildren && { openwork: { component, timeUnixNano: nanoseconds(timeMs) } }
    write(JSON.stringify(Object.assign({}, redactor.value(raw), stamp)))
  }

  #record(severity: Severity, message: string, attributes: Record<string, unknown>): void {
    if (SEVERITY_NUMBER[severity] < SEVERITY_NUMBER[this.#options.minimum]) return
    const record = this.#recordOf(severity, this.#options.redactor.text(message), attributes)
    this.#tell(record)
    this.#write(record)
  }

  /** `message` is masked already. */
  #recordOf(severity: Severity, message: string, attributes: Record<string, unknown>): LogRecord {
    return {
      timeMs: Date.now(),
      severity,
      component: this.#component,
      message,
      attributes: this.#options.redactor.value(attributes) as Record<string, unknown>,
    }
  }

  #tell(record: LogRecord): void {
    if (this.#taps.size === 0) return
    const text = plain(`${record.message}${renderAttributes(record, text => text)}`)
    for (const tap of this.#taps) tap(record, text)
  }

  #write(record: LogRecord): void {
    const { format, bare, color, write } = this.#options
    const message = harmless(record.message)
    if (format === 'json') write(renderJson(record, this.#options))
    else write(bare ? message : renderPretty({ ...record, message }, color))
  }
}

const HOST_NAME = hostname()

const nanoseconds = (timeMs: number): string => `${timeMs}000000`

const COLOR = /^\x1b\[[0-9;]*m$/
const CONTROL = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g

/**
 * Text of a program that may be hostile, for a terminal: colours stay; what moves the cursor, sets the title or answers
 * as if typed does not. In JSON such characters are escaped anyway.
 */
const harmless = (text: string): string => text.replace(CONTROL, found => (COLOR.test(found) ? found : ''))

/** One line that takes as many columns as it has characters to show. */
const plain = (text: string): string => text.replace(/[\t\n]/g, ' ').replace(CONTROL, '')

/** One OpenTelemetry-like record as a line of JSON. */
function renderJson(
  record: LogRecord,
  from: Pick<LogOptions, 'runId' | 'serviceName' | 'serviceVersion' | 'resource'>,
): string {
  return JSON.stringify({
    timeUnixNano: nanoseconds(record.timeMs),
    severityText: record.severity.toUpperCase(),
    severityNumber: SEVERITY_NUMBER[record.severity],
    body: record.message,
    attributes: {
      'run.id': from.runId,
      'process.pid': process.pid,
      'service.component': record.component,
      ...record.attributes,
    },
    resource: {
      ...from.resource,
      'service.name': from.serviceName,
      'service.version': from.serviceVersion,
      'service.instance.id': from.runId,
      'host.name': HOST_NAME,
    },
  })
}

/** `[component] LEVEL text key=value`; the level is left out for info, and a path that the text names. */
function renderPretty(record: LogRecord, color: boolean): string {
  const paint = pc.createColors(color)
  const level = {
    debug: paint.dim('DEBUG '),
    info: '',
    warn: paint.yellow('WARN '),
    error: paint.red('ERROR '),
  }[record.severity]
  return `${paint.cyan(`[${record.component}]`)} ${level}${record.message}${renderAttributes(record, paint.dim)}`
}

/** What a record says, as the pretty form has it: its message and attributes, without colours and control characters. */
export const plainText = (record: Pick<LogRecord, 'message' | 'attributes'>): string =>
  `${record.message}${renderAttributes(record, String)}`.replace(CONTROL, '')

const renderAttributes = (
  { message, attributes }: Pick<LogRecord, 'message' | 'attributes'>,
  dim: (text: string) => string,
): string =>
  Object.entries(attributes)
    .filter(([, value]) => value !== undefined && value !== null && !isNamedPath(value, message))
    .map(([key, value]) => ` ${dim(`${key}=`)}${renderValue(value)}`)
    .join('')

const isNamedPath = (value: unknown, message: string): boolean =>
  typeof value === 'string' && isAbsolute(value) && message.split(/[\s:;,"()]+/).includes(value)

const renderValue = (value: unknown): string => {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

type JsonRecord = { severity: Severity; body: string; raw: Record<string, unknown> }

function parseJsonRecord(line: string): JsonRecord | undefined {
  if (!line.startsWith('{')) return undefined
  let raw: unknown
  try {
    raw = JSON.parse(line)
  } catch {
    return undefined // ordinary text that begins with a brace
  }
  if (typeof raw !== 'object' || raw === null) return undefined
  const { timeUnixNano, severityText, body } = raw as Record<string, unknown>
  if (typeof timeUnixNano !== 'string' || typeof severityText !== 'string') return undefined
  const severity = asSeverity(severityText) ?? 'info'
  return { severity, body: typeof body === 'string' ? body : JSON.stringify(body), raw: raw as Record<string, unknown> }
}

/** The severity a plain line names itself: `level=WARN …`, `ERROR …`, `[debug] …`, `12:00:01 INFO …`. */
function severityHint(line: string): Severity | undefined {
  const match = /^(?:\S*\d{2}:\d{2}\S*\s+)?(?:.{0,40}\blevel=)?["[]?(DEBUG|INFO|WARN(?:ING)?|ERROR)\b/i.exec(line)
  return match?.[1] ? asSeverity(match[1]) : undefined
}

function asSeverity(text: string): Severity | undefined {
  const name = text.toLowerCase()
  if (name === 'warning') return 'warn'
  return name === 'debug' || name === 'info' || name === 'warn' || name === 'error' ? name : undefined
}
