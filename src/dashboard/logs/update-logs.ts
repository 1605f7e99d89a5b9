import type { HostLogEntry, LogLevel } from '../../api/host.ts'
import type { KeyPress } from '../keys.ts'
import { harmless } from '../text.ts'
import { nextMatch, searched, spotOf } from './find.ts'
import { type LogLine, plainLine } from './log-line.ts'
import type { LogAction } from './logs-keys.ts'
import { type LogsInput, type LogsModel, sifted } from './logs-model.ts'
import {
  anchored,
  cursorPosition,
  following,
  halted,
  paged,
  settled,
  stepped,
  textWidth,
  visibleRows,
  withCursorAt,
} from './place.ts'
import { windowOf } from './rows.ts'
import { takeLog } from './take-log.ts'

export type LogsEvent =
  | { type: 'entries'; entries: readonly HostLogEntry[]; dropped: number }
  /** Of the whole view. */
  | { type: 'size'; rows: number; columns: number }
  | { type: 'action'; action: LogAction; nowMs: number }
  /** While `isTyping`. */
  | { type: 'typed'; press: KeyPress }
  | { type: 'pasted'; text: string }

/** What an event asks to be done outside of the view. */
export type LogsEffect =
  /** `what`: in words, `3 lines`. */
  | { type: 'copy'; text: string; what: string }
  /** `file` as it was typed. */
  | { type: 'export'; file: string; text: string; what: string }
  /** For a moment. */
  | { type: 'say'; text: string }

export type LogsUpdate = { model: LogsModel; effect?: LogsEffect }

/** `debug` is the lowest level: from there on is all. */
const MINIMUM_LEVELS: readonly (LogLevel | undefined)[] = [undefined, 'info', 'warn', 'error']
const SIDEWAYS = 10

/** The view after an event. Equal inputs give equal views: time comes with the events. */
export function updateLogs(model: LogsModel, event: LogsEvent): LogsUpdate {
  if (event.type === 'entries') return { model: takeLog(model, event) }
  const update = changed(model, event)
  return { ...update, model: anchored(update.model) }
}

function changed(model: LogsModel, event: Exclude<LogsEvent, { type: 'entries' }>): LogsUpdate {
  switch (event.type) {
    case 'size':
      return { model: resized(model, event) }
    case 'typed':
      return model.input ? typed(model, model.input, event.press) : { model }
    case 'pasted':
      return model.input ? { model: withText(model, model.input, model.input.text + harmless(event.text)) } : { model }
    case 'action':
      return acted(model, event.action, event.nowMs)
  }
}

function resized(model: LogsModel, { rows, columns }: { rows: number; columns: number }): LogsModel {
  if (rows === model.size.rows && columns === model.size.columns) return model
  return settled({ ...model, size: { rows, columns } })
}

function acted(model: LogsModel, action: LogAction, nowMs: number): LogsUpdate {
  switch (action) {
    case 'copy':
      return { model, effect: copyOf(chosenLines(model)) }
    case 'copy-all':
      return { model, effect: copyOf(model.shown.toArray()) }
    case 'export':
      return { model: { ...model, input: { kind: 'export', text: exportName(nowMs) } } }
    case 'only-matching':
      return model.search
        ? { model: settled(sifted({ ...model, onlyMatching: !model.onlyMatching })) }
        : { model, effect: { type: 'say', text: 'Search first, with /' } }
    case 'next-match':
    case 'previous-match':
      return model.search
        ? { model: nextMatch(model, action === 'next-match' ? 1 : -1) }
        : { model, effect: { type: 'say', text: 'Search first, with /' } }
    default:
      return { model: shifted(model, action) }
  }
}

type Shift = Exclude<LogAction, 'copy' | 'copy-all' | 'export' | 'only-matching' | 'next-match' | 'previous-match'>

/** Actions that only change what is seen. */
function shifted(model: LogsModel, action: Shift): LogsModel {
  switch (action) {
    case 'follow':
      return model.isFollowing ? halted(model) : following(model)
    case 'service':
      return refiltered(model, { service: after([undefined, ...model.services], model.filter.service) })
    case 'level':
      return refiltered(model, { level: after(MINIMUM_LEVELS, model.filter.level) })
    case 'search':
      return { ...model, input: { kind: 'search', text: '', before: spotOf(model) } }
    case 'wrap':
      return settled({ ...model, isWrapped: !model.isWrapped, left: 0 })
    case 'mark':
      return marked(model)
    case 'up':
    case 'down':
      return stepped(model, action === 'down' ? 1 : -1)
    case 'page-up':
    case 'page-down':
      return paged(model, action === 'page-down' ? 1 : -1)
    case 'start':
      return withCursorAt(model, 0)
    case 'end':
      return following(model)
    case 'left':
      return { ...model, left: Math.max(0, model.left - SIDEWAYS) }
    case 'right':
      return movedRight(model)
    case 'clear':
      return settled(sifted({ ...model, search: undefined, onlyMatching: false, marks: new Set() }))
  }
}

const after = <Item>(items: readonly Item[], item: Item): Item | undefined =>
  items[(items.indexOf(item) + 1) % items.length]

const refiltered = (model: LogsModel, change: Partial<LogsModel['filter']>): LogsModel =>
  settled(sifted({ ...model, filter: { ...model.filter, ...change } }))

/** The line of the cursor, and on to the next: marking goes down a list. */
function marked(model: LogsModel): LogsModel {
  const now = halted(model)
  const id = now.shown.at(cursorPosition(now))?.id
  if (id === undefined) return model
  const marks = new Set(now.marks)
  if (!marks.delete(id)) marks.add(id)
  return stepped({ ...now, marks }, 1)
}

/** Further to the right as long as a line in view goes on there. */
function movedRight(model: LogsModel): LogsModel {
  const edge = model.left + textWidth(model)
  const isCut = visibleRows(model).some(({ line: { text } }) => windowOf(text, edge, 1).from < text.length)
  return isCut && !model.isWrapped ? { ...model, left: model.left + SIDEWAYS } : model
}

function chosenLines(model: LogsModel): LogLine[] {
  if (model.marks.size) return model.lines.toArray().filter(({ id }) => model.marks.has(id))
  return [...new Set(visibleRows(model).map(({ line }) => line))]
}

const textOf = (lines: readonly LogLine[]): string => lines.map(line => `${plainLine(line)}\n`).join('')

const countOf = ({ length }: readonly LogLine[]): string => `${length} ${length === 1 ? 'line' : 'lines'}`

const copyOf = (lines: readonly LogLine[]): LogsEffect =>
  lines.length === 0
    ? { type: 'say', text: 'There is no line to copy' }
    : { type: 'copy', text: textOf(lines), what: countOf(lines) }

function exportName(nowMs: number): string {
  const now = new Date(nowMs)
  const [year, ...others] = [
    now.getFullYear(),
    now.getMonth() + 1,
    now.getDate(),
    now.getHours(),
    now.getMinutes(),
    now.getSeconds(),
  ]
  const [month, day, ...time] = others.map(part => String(part).padStart(2, '0'))
  return `openwork-logs-${year}-${month}-${day}-${time.join('')}.log`
}

function typed(model: LogsModel, input: LogsInput, key: KeyPress): LogsUpdate {
  if (key.name === 'Enter') return entered(model, input)
  if (key.name === 'Esc') return { model: given(model, input) }
  return { model: withText(model, input, edited(input.text, key)) }
}

function withText(model: LogsModel, input: LogsInput, text: string): LogsModel {
  if (text === input.text) return model
  const next = { ...model, input: { ...input, text } }
  return input.kind === 'search' ? searched(next, text, input.before) : next
}

function edited(text: string, { name, text: added }: KeyPress): string {
  switch (name) {
    case 'Bksp':
    case 'Del': // what many terminals send for the backspace key
      return [...text].slice(0, -1).join('')
    case '^U':
      return ''
    case '^W':
      return text.replace(/\S*\s*$/, '')
    default:
      return text + (added ?? '')
  }
}

function entered(model: LogsModel, input: LogsInput): LogsUpdate {
  const closed = { ...model, input: undefined }
  if (input.kind === 'search') {
    if (input.text === '') return { model: searched(closed, '', input.before) }
    const isFound = model.matches.length > 0
    return isFound ? { model: closed } : { model: closed, effect: { type: 'say', text: 'No line matches' } }
  }
  const file = input.text.trim()
  if (!file) return { model: closed }
  const lines = model.shown.toArray()
  if (lines.length === 0) return { model: closed, effect: { type: 'say', text: 'There is no line to export' } }
  return { model: closed, effect: { type: 'export', file, text: textOf(lines), what: countOf(lines) } }
}

/** Left as if nothing had been typed. */
const given = (model: LogsModel, input: LogsInput): LogsModel =>
  input.kind === 'search'
    ? settled(sifted({ ...model, ...input.before, input: undefined }))
    : { ...model, input: undefined }
