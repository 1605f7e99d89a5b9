import type { HostLogEntry } from '../../api/host.ts'
import { bytesOf, type LogLine, logLine, noteLine } from './log-line.ts'
import { type LogsModel, positionOf, sift } from './logs-model.ts'

const MAX_LINES = 10_000
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Adds what the host has logged, all at once, and lets go of the oldest lines. After a lost connection the host tells
 * its last lines again: those that are here already are left out, and it is noted when some between are missing.
 */
export function takeLog(
  model: LogsModel,
  { entries, dropped }: { entries: readonly HostLogEntry[]; dropped: number },
): LogsModel {
  const fresh = entries.filter(entry => isNew(entry, model.last))
  const first = fresh[0]
  const gap = first && model.last && first.seq > model.last.seq ? first.seq - model.last.seq - 1 : 0
  const missing = Math.max(dropped, gap)
  if (!first && missing === 0) return model
  const lines = linesOf(model, fresh.slice(-MAX_LINES), missing)
  const newest = fresh.at(-1)
  return withoutOldest({
    ...added(model, lines),
    nextId: model.nextId + lines.length,
    last: newest ? { seq: newest.seq, atMs: newest.atMs } : model.last,
  })
}

/** A host that was started anew counts from the beginning, but at a later time. */
const isNew = ({ seq, atMs }: HostLogEntry, last: LogsModel['last']): boolean =>
  !last || seq > last.seq || atMs > last.atMs

function linesOf({ nextId, last }: LogsModel, entries: readonly HostLogEntry[], missing: number): LogLine[] {
  const notes = missing > 0 ? [noteLine(nextId, entries[0]?.atMs ?? last?.atMs ?? 0, missing)] : []
  return [...notes, ...entries.map((entry, index) => logLine(nextId + notes.length + index, entry))]
}

function added(model: LogsModel, lines: readonly LogLine[]): LogsModel {
  const { shown, matches } = sift(model, lines)
  const unknown = lines.map(({ service }) => service).filter(service => service && !model.services.includes(service))
  return {
    ...model,
    lines: model.lines.appended(lines),
    bytes: lines.reduce((sum, line) => sum + bytesOf(line), model.bytes),
    services: unknown.length ? [...new Set([...model.services, ...unknown])] : model.services,
    shown: model.shown.appended(shown),
    matches: model.matches.appended(matches),
  }
}

function withoutOldest(model: LogsModel): LogsModel {
  let { bytes } = model
  let gone = 0
  for (let line = model.lines.at(0); line && isTooMuch(model.lines.length - gone, bytes); line = model.lines.at(gone)) {
    bytes -= bytesOf(line)
    gone += 1
  }
  if (gone === 0) return model
  const lines = model.lines.withoutFirst(gone)
  const oldest = lines.at(0)?.id ?? model.nextId
  return {
    ...model,
    lines,
    bytes,
    shown: model.shown.withoutFirst(positionOf(model.shown, oldest)),
    matches: model.matches.withoutFirst(positionOf(model.matches, oldest)),
    marks: model.marks.size ? new Set([...model.marks].filter(id => id >= oldest)) : model.marks,
  }
}

/** The newest line is kept, however long. */
const isTooMuch = (count: number, bytes: number): boolean => count > MAX_LINES || (bytes > MAX_BYTES && count > 1)
