import { cells } from '../text.ts'
import { isNote, type LogLine, shortService } from './log-line.ts'
import { type LogsModel, positionOf } from './logs-model.ts'
import { rowStarts } from './rows.ts'

/** A row of the lines that are shown: of which line, by its position, and which of its rows. */
type Place = { position: number; row: number }

/** What stands before a text: how wide its parts are, 0 for those that a narrow window has no room for. */
export type Prefix = { time: number; service: number; level: number; width: number }

const MARK_WIDTH = 2
const LONGEST_SERVICE = 14

export function prefixOf({ size: { columns }, services }: LogsModel): Prefix {
  const time = columns >= 60 ? 9 : 0
  const longest = Math.max(...services.map(name => cells(shortService(name))), 0)
  const service = columns >= 48 ? Math.min(longest, LONGEST_SERVICE) + 1 : 0
  const level = columns >= 100 ? 6 : 2
  return { time, service, level, width: MARK_WIDTH + time + service + level }
}

/** Cells that the text of a line has. */
export const textWidth = (model: LogsModel): number => Math.max(1, model.size.columns - prefixOf(model).width)

/** Rows for lines; one above them says what is seen. */
const bodyRows = ({ size }: LogsModel): number => Math.max(1, size.rows - 1)

const measured = new WeakMap<LogLine, { width: number; starts: readonly number[] }>()

/** Where the rows of a line begin. Only lines in view are ever measured. */
export function startsOf(model: LogsModel, line: LogLine): readonly number[] {
  if (!model.isWrapped || isNote(line)) return [0]
  const width = textWidth(model)
  const known = measured.get(line)
  if (known?.width === width) return known.starts
  const starts = rowStarts(line.text, width)
  measured.set(line, { width, starts })
  return starts
}

function rowsAt(model: LogsModel, position: number): number {
  const line = model.shown.at(position)
  return line ? startsOf(model, line).length : 1
}

function back(model: LogsModel, { position, row }: Place, rows: number): Place {
  let at = position
  let left = rows - row
  while (left > 0 && at > 0) {
    at -= 1
    left -= rowsAt(model, at)
  }
  return { position: at, row: Math.max(0, -left) }
}

function forward(model: LogsModel, { position, row }: Place, rows: number): Place {
  let at = position
  let left = row + rows
  while (at < model.shown.length - 1 && left >= rowsAt(model, at)) {
    left -= rowsAt(model, at)
    at += 1
  }
  return { position: at, row: Math.min(left, rowsAt(model, at) - 1) }
}

const isBefore = (a: Place, b: Place): boolean =>
  a.position < b.position || (a.position === b.position && a.row < b.row)

/** The first row in view when the last one is in view as well. */
function lastTop(model: LogsModel): Place {
  const position = Math.max(0, model.shown.length - 1)
  return back(model, { position, row: rowsAt(model, position) - 1 }, bodyRows(model) - 1)
}

function topOf(model: LogsModel): Place {
  const last = lastTop(model)
  if (model.isFollowing) return last
  const position = positionOf(model.shown, model.top.id)
  const isThere = model.shown.at(position)?.id === model.top.id
  const top = { position, row: isThere ? Math.min(model.top.row, rowsAt(model, position) - 1) : 0 }
  return isBefore(top, last) ? top : last
}

export type VisibleRow = { line: LogLine; row: number }

export function visibleRows(model: LogsModel): VisibleRow[] {
  const rows: VisibleRow[] = []
  let { position, row } = topOf(model)
  for (let line = model.shown.at(position); line && rows.length < bodyRows(model); line = model.shown.at(position)) {
    rows.push({ line, row })
    row += 1
    if (row < startsOf(model, line).length) continue
    position += 1
    row = 0
  }
  return rows
}

const withTop = (model: LogsModel, { position, row }: Place): LogsModel => ({
  ...model,
  isFollowing: false,
  top: { id: model.shown.at(position)?.id ?? 0, row },
})

/** With the first row that is in view as `top`, where there was not enough below for the one wanted: it stays when lines come. */
export function anchored(model: LogsModel): LogsModel {
  if (model.isFollowing) return model
  const { position, row } = topOf(model)
  const id = model.shown.at(position)?.id ?? 0
  return id === model.top.id && row === model.top.row ? model : { ...model, top: { id, row } }
}

/** The same view, but new lines do not move it any more. */
export function halted(model: LogsModel): LogsModel {
  if (!model.isFollowing) return model
  const cursor = model.shown.at(model.shown.length - 1)?.id
  return { ...withTop(model, topOf(model)), cursor }
}

export const following = (model: LogsModel): LogsModel => ({ ...model, isFollowing: true, cursor: undefined })

/** Where the cursor is; of a line that is not shown any more, the next one. */
export const cursorPosition = (model: LogsModel): number =>
  model.cursor === undefined
    ? topOf(model).position
    : Math.max(0, Math.min(positionOf(model.shown, model.cursor), model.shown.length - 1))

/** With the cursor on that line, and the line in view: moved as little as that needs, or from afar to the middle. */
export function withCursorAt(model: LogsModel, position: number): LogsModel {
  const next = { ...halted(model), cursor: model.shown.at(position)?.id }
  const top = topOf(next)
  const rows = bodyRows(next)
  const start = { position, row: 0 }
  const end = { position, row: rowsAt(next, position) - 1 }
  const lastSeen = forward(next, top, rows - 1)
  const isFar = isBefore(start, back(next, top, rows)) || isBefore(forward(next, lastSeen, rows), start)
  if (isFar) return withTop(next, back(next, start, rows >> 1))
  if (isBefore(start, top)) return withTop(next, start)
  if (!isBefore(lastSeen, end)) return next
  const least = back(next, end, rows - 1)
  return withTop(next, isBefore(start, least) ? start : least) // of a line taller than the view, its start
}

/** One line up or down; first, row by row, through what is not in view of the line where the cursor is. */
export function stepped(model: LogsModel, direction: 1 | -1): LogsModel {
  const now = halted(model)
  const position = cursorPosition(now)
  const top = topOf(now)
  const lastSeen = forward(now, top, bodyRows(now) - 1)
  const isCut =
    direction > 0
      ? isBefore(lastSeen, { position, row: rowsAt(now, position) - 1 })
      : isBefore({ position, row: 0 }, top)
  if (isCut) return withTop(now, direction > 0 ? forward(now, top, 1) : back(now, top, 1))
  return withCursorAt(now, Math.max(0, Math.min(position + direction, now.shown.length - 1)))
}

/** One page up or down, the cursor with it. */
export function paged(model: LogsModel, direction: 1 | -1): LogsModel {
  const now = halted(model)
  const top = topOf(now)
  const rows = bodyRows(now)
  const wanted = direction > 0 ? forward(now, top, rows) : back(now, top, rows)
  const moved = withTop(now, wanted)
  const landed = topOf(moved) // not beyond the last page
  const isAtEnd = landed.position === top.position && landed.row === top.row
  const last = now.shown.length - 1
  const cursor = isAtEnd ? (direction > 0 ? last : 0) : cursorInView(moved, landed)
  return { ...moved, cursor: now.shown.at(cursor)?.id }
}

function cursorInView(model: LogsModel, top: Place): number {
  const last = forward(model, top, bodyRows(model) - 1).position
  return Math.max(top.position, Math.min(cursorPosition(model), last))
}

/** After the lines that are shown have become others: the cursor's line is in view, or the one after it. */
export const settled = (model: LogsModel): LogsModel =>
  model.isFollowing || model.shown.length === 0 ? model : withCursorAt(model, cursorPosition(model))
