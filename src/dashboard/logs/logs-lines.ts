import { type Color, cells, cut, cutStart, fill, type Line, type Span, span, widthOf } from '../text.ts'
import { isNote, type LogLine, shortService } from './log-line.ts'
import { type LogsModel, matchPlace } from './logs-model.ts'
import { type Prefix, prefixOf, startsOf, textWidth, type VisibleRow, visibleRows } from './place.ts'
import { windowOf } from './rows.ts'
import { type Range, rangesOf } from './search.ts'

/** The view as rows of the screen: one that tells what is seen, or the field that is typed into, and the log below. */
export const logsLines = (model: LogsModel): Line[] => [headOf(model), ...bodyOf(model)]

function headOf(model: LogsModel): Line {
  const { input, filter, search } = model
  if (input) {
    const name = input.kind === 'export' ? 'Write to: ' : '/'
    const note = input.kind === 'search' && input.text ? ` ${found(model)}` : ''
    // The end of what is typed stays in view.
    const room = model.size.columns - cells(name) - cells(note) - 1
    return [span(name, { bold: true }), span(`${cutStart(input.text, room)}▏`), span(note, { dim: true })]
  }
  return fitted(
    [
      [filter.service ? 2 : 6, [span('service '), strong(filter.service ? shortService(filter.service) : 'all')]],
      [filter.level ? 2 : 6, [span('level '), strong(filter.level ? `${filter.level}+` : 'all')]],
      [5, [span('follow '), strong(model.isFollowing ? 'on' : 'off')]],
      [7, [span('wrap '), strong(model.isWrapped ? 'on' : 'off')]],
      ...(search ? [[1, [span(`/${cut(search.query, 24)} `), strong(found(model))]] as const] : []),
      ...(model.onlyMatching ? [[4, [span('matching only')]] as const] : []),
      ...(model.marks.size ? [[3, [span(`${model.marks.size} marked`)]] as const] : []),
      [0, [span(countOf(model), { dim: true })]],
    ],
    model.size.columns,
  )
}

const strong = (text: string): Span => span(text, { bold: true })

/** The parts that fit beside each other. Of those that do not, the highest number goes first, and the last one of these. */
function fitted(parts: readonly (readonly [drop: number, part: Line])[], columns: number): Line {
  const line = parts.flatMap(([, part], index) => (index === 0 ? part : [span('  '), ...part]))
  if (parts.length === 1 || widthOf(line) <= columns) return line
  const highest = Math.max(...parts.map(([drop]) => drop))
  const last = parts.findLastIndex(([drop]) => drop === highest)
  return fitted(parts.toSpliced(last, 1), columns)
}

function found(model: LogsModel): string {
  const { length } = model.matches
  if (length === 0) return 'no match'
  const place = matchPlace(model)
  return place ? `${place}/${length}` : `${length} ${length === 1 ? 'match' : 'matches'}`
}

function countOf({ shown, lines }: LogsModel): string {
  const kept = lines.length.toLocaleString('en-US')
  return shown.length === lines.length ? `${kept} lines` : `${shown.length.toLocaleString('en-US')} of ${kept} lines`
}

function bodyOf(model: LogsModel): Line[] {
  const rows = visibleRows(model)
  if (rows.length === 0) {
    return [[span(model.lines.length ? 'No line passes the filter.' : 'Nothing was logged yet.', { dim: true })]]
  }
  const prefix = prefixOf(model)
  return rows.map(row => lineOf(model, row, prefix))
}

function lineOf(model: LogsModel, { line, row }: VisibleRow, prefix: Prefix): Line {
  const isCursor = !model.isFollowing && line.id === model.cursor
  const mark = span(markOf(isCursor, model.marks.has(line.id)), { bold: true })
  if (isNote(line)) return [mark, span(cut(line.text, model.size.columns - cells(mark.text)), { color: 'yellow' })]
  const before = row === 0 ? prefixSpans(model, line, prefix) : [span(' '.repeat(prefix.width - cells(mark.text)))]
  return [mark, ...before, ...textSpans(model, line, row)]
}

const markOf = (isCursor: boolean, isMarked: boolean): string =>
  isCursor ? (isMarked ? '» ' : '> ') : isMarked ? '* ' : '  '

const LEVELS = {
  debug: { word: 'DEBUG', color: undefined, dim: true },
  info: { word: 'INFO', color: undefined, dim: true },
  warn: { word: 'WARN', color: 'yellow', dim: false },
  error: { word: 'ERROR', color: 'red', dim: false },
} as const

const SERVICE_COLORS: readonly Color[] = ['cyan', 'magenta', 'blue', 'green']

function prefixSpans(model: LogsModel, line: LogLine, prefix: Prefix): Line {
  const { word, color, dim } = LEVELS[line.level]
  const serviceColor = SERVICE_COLORS[model.services.indexOf(line.service) % SERVICE_COLORS.length]
  return [
    ...(prefix.time ? [span(`${clockTime(line.atMs)} `, { dim: true })] : []),
    ...(prefix.service
      ? [span(`${fill(shortService(line.service), prefix.service - 1)} `, { color: serviceColor })]
      : []),
    span(word.slice(0, prefix.level - 1).padEnd(prefix.level), { color, dim, bold: !dim }),
  ]
}

function clockTime(atMs: number): string {
  const at = new Date(atMs)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(part => String(part).padStart(2, '0')).join(':')
}

/** The part of a line that one row has room for, what the search finds standing out. */
function textSpans(model: LogsModel, line: LogLine, row: number): Span[] {
  const { from, to, padding, isCut } = partOf(model, line, row)
  const ranges = model.search ? rangesOf(line, model.search.pattern) : []
  const isCurrent = !model.isFollowing && line.id === model.cursor
  const dim = line.level === 'debug'
  const spans: Span[] = padding ? [span(' '.repeat(padding))] : []
  let place = from
  for (const range of clipped(ranges, from, to)) {
    if (range.from > place) spans.push(span(line.text.slice(place, range.from), { dim }))
    spans.push(span(line.text.slice(range.from, range.to), { inverse: true, bold: isCurrent, color: 'yellow' }))
    place = range.to
  }
  if (place < to) spans.push(span(line.text.slice(place, to), { dim }))
  return isCut ? [...spans, span('…', { dim: true })] : spans
}

function partOf(
  model: LogsModel,
  line: LogLine,
  row: number,
): { from: number; to: number; padding: number; isCut: boolean } {
  const { text } = line
  if (model.isWrapped) {
    const starts = startsOf(model, line)
    return { from: starts[row] ?? text.length, to: starts[row + 1] ?? text.length, padding: 0, isCut: false }
  }
  const width = textWidth(model)
  const whole = windowOf(text, model.left, width)
  if (whole.to === text.length) return { ...whole, isCut: false }
  return { ...windowOf(text, model.left, width - 1), isCut: true }
}

const clipped = (ranges: readonly Range[], from: number, to: number): Range[] =>
  ranges
    .filter(range => range.to > from && range.from < to)
    .map(range => ({ from: Math.max(range.from, from), to: Math.min(range.to, to) }))
