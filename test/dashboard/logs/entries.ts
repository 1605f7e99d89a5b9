import type { HostLogEntry, LogLevel } from '../../../src/api/host.ts'
import type { LogAction } from '../../../src/dashboard/logs/logs-keys.ts'
import { logsLines } from '../../../src/dashboard/logs/logs-lines.ts'
import { type LogsModel, newLogs } from '../../../src/dashboard/logs/logs-model.ts'
import { type LogsEffect, updateLogs } from '../../../src/dashboard/logs/update-logs.ts'
import { plainText } from '../../../src/dashboard/text.ts'

const START_MS = Date.UTC(2026, 10, 23, 12, 0, 0)

export const entry = (seq: number, text = `line ${seq}`, more: Partial<HostLogEntry> = {}): HostLogEntry => ({
  seq,
  atMs: START_MS + seq,
  service: 'opencode',
  level: 'info' as LogLevel,
  text,
  ...more,
})

/** `count` entries from a number on. */
export const entries = (from: number, count: number): HostLogEntry[] =>
  Array.from({ length: count }, (_, index) => entry(from + index))

/** A log view as a user works with it. */
export class Logs {
  model: LogsModel
  effects: LogsEffect[] = []

  constructor(rows = 6, columns = 60) {
    this.model = newLogs({ rows, columns })
  }

  take(added: readonly HostLogEntry[], dropped = 0): this {
    return this.#update({ type: 'entries', entries: added, dropped })
  }

  resize(rows: number, columns: number): this {
    return this.#update({ type: 'size', rows, columns })
  }

  do(...actions: LogAction[]): this {
    for (const action of actions) this.#update({ type: 'action', action, nowMs: START_MS })
    return this
  }

  type(text: string, ...names: string[]): this {
    for (const character of text) this.#update({ type: 'typed', press: { name: character, text: character } })
    for (const name of names) this.#update({ type: 'typed', press: { name } })
    return this
  }

  paste(text: string): this {
    return this.#update({ type: 'pasted', text })
  }

  /** Rows as they are on the screen, the first one first. */
  get screen(): string[] {
    return logsLines(this.model).map(plainText)
  }

  get head(): string {
    return this.screen[0] ?? ''
  }

  /** Of the rows below the first: what the services said, and the mark of the cursor before it. */
  get body(): string[] {
    return this.screen.slice(1).map(row => row.replace(/^(..)\d\d:\d\d:\d\d .*? [DIWE] /, '$1').trimEnd())
  }

  #update(event: Parameters<typeof updateLogs>[1]): this {
    const { model, effect } = updateLogs(this.model, event)
    this.model = model
    if (effect) this.effects.push(effect)
    return this
  }
}
