import type { Writable } from 'node:stream'
import { BoundedWriter } from '../shared/bounded-writer.ts'
import { Log } from '../shared/log.ts'
import { Redactor } from '../shared/redact.ts'
import { VERSION } from '../shared/version.ts'
import type { ServerSettings } from './settings.ts'

/** Lines waiting for a reader that does not read; later ones are dropped and counted. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024

export type ServerLogs = {
  /** Everything a reader expects: start lines, requests. */
  out: Log
  /** Warnings about the settings, and bugs with their stack. */
  err: Log
  /** Resolves when all lines are written, or after `withinMs`. */
  flush(withinMs: number): Promise<unknown>
}

/**
 * The two logs of a server: one run id, one redactor that knows every credential of the settings, save generated tokens:
 * those have to be shown once, and are the redactor's from then on.
 */
export function openLogs(settings: ServerSettings, streams: { stdout: Writable; stderr: Writable }): ServerLogs {
  const redactor = new Redactor()
  for (const { value, source } of [settings.clientToken, settings.hostToken])
    if (source !== 'generated') redactor.add(value)
  if (settings.control) redactor.add(settings.control.token)
  if (settings.opencode.password) redactor.add(settings.opencode.password)
  for (const { opencode, openworkToken } of settings.workspaces)
    for (const value of [opencode?.password, openworkToken]) if (value) redactor.add(value)

  const out = new LineBatches(streams.stdout)
  const err = new LineBatches(streams.stderr)
  const logTo = (lines: LineBatches): Log =>
    new Log({
      format: settings.logFormat,
      color: false,
      bare: true,
      runId: settings.runId,
      serviceName: 'openwork-server',
      serviceVersion: VERSION,
      minimum: settings.verbose ? 'debug' : 'info',
      redactor,
      resource: settings.resource,
      write: line => lines.add(line),
    })
  return {
    out: logTo(out),
    err: logTo(err),
    flush: withinMs => Promise.all([out.flush(withinMs), err.flush(withinMs)]),
  }
}

/** Lines wait this long for company: a system call for each of them would cost every request. */
const BATCH_MS = 10

/** Writes the lines of a short while at once. */
class LineBatches {
  readonly #writer: BoundedWriter
  #waiting: string[] = []

  constructor(stream: Writable) {
    // A reader that has gone (`openwork-server | head`) ends the log, not the server.
    stream.on('error', () => {})
    this.#writer = new BoundedWriter(stream, {
      maxBytes: MAX_WAITING_BYTES,
      dropped: count => `${count} batches of log lines were dropped: nobody reads them`,
    })
  }

  add(line: string): void {
    if (this.#waiting.push(line) === 1) setTimeout(() => this.#send(), BATCH_MS)
  }

  flush(withinMs: number): Promise<void> {
    this.#send()
    return this.#writer.flush(withinMs)
  }

  #send(): void {
    if (this.#waiting.length === 0) return
    this.#writer.line(this.#waiting.join('\n'))
    this.#waiting = []
  }
}
