import { cells, fill, type Line, type Span, type Style, span, wrapped } from '../text.ts'

export type Column<Row> = {
  title: string
  /** Least cells it needs; with `grows` it takes what is left over. */
  width: number
  grows?: boolean
  side?: 'left' | 'right'
  /** Of those that do not fit, the highest is dropped first; 0 never. */
  drop: number
  text: (row: Row, width: number) => string
  style?: (row: Row) => Style
}

const GAP = 1
const MARK = 2

/** The columns that fit into so many cells, with the widths that they get. */
function fitColumns<Row>(columns: readonly Column<Row>[], width: number): { column: Column<Row>; width: number }[] {
  let kept = [...columns]
  const needed = () => MARK + kept.reduce((sum, column) => sum + column.width + GAP, -GAP)
  while (needed() > width) {
    const least = Math.max(...kept.map(({ drop }) => drop))
    if (least === 0) break
    kept = kept.filter(({ drop }) => drop !== least)
  }
  const growing = kept.filter(({ grows }) => grows)
  const spare = Math.max(0, width - needed())
  return kept.map(column => ({
    column,
    width: column.width + (column.grows ? Math.floor(spare / growing.length) : 0),
  }))
}

/**
 * A heading and a line for each row; the selected one is marked, also where there is no colour. `dropped`: the titles of
 * the columns that there is no room for.
 */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: { width: number; selected: (row: Row) => boolean },
): { heading: Line; lines: Line[]; dropped: ReadonlySet<string> } {
  const fitted = fitColumns(columns, options.width)
  const heading: Line = [
    span(' '.repeat(MARK)),
    span(fitted.map(({ column, width }) => fill(column.title, width, column.side)).join(' '), { dim: true }),
  ]
  const lines = rows.map((row): Line => {
    const isSelected = options.selected(row)
    const spans = fitted.flatMap(({ column, width }, index): Span[] => [
      ...(index ? [span(' '.repeat(GAP))] : []),
      span(fill(column.text(row, width), width, column.side), {
        ...column.style?.(row),
        ...(isSelected ? { bold: true } : {}),
      }),
    ])
    return [span(isSelected ? '▸ ' : '  ', { color: 'cyan', bold: true }), ...spans]
  })
  const dropped = new Set(columns.map(({ title }) => title))
  for (const { column } of fitted) dropped.delete(column.title)
  return { heading, lines, dropped }
}

/** `rows` of the lines, so that the one at `place` is among them; the edges tell how many are beyond. */
export function windowOf(lines: readonly Line[], place: number, rows: number): Line[] {
  if (lines.length <= rows) return [...lines]
  const start = Math.max(0, Math.min(place - Math.floor(rows / 2), lines.length - rows))
  const shown = lines.slice(start, start + rows)
  if (rows < 3) return shown
  if (start > 0) shown[0] = more(start + 1, '↑')
  const below = lines.length - start - rows
  if (below > 0) shown[rows - 1] = more(below + 1, '↓')
  return shown
}

const more = (amount: number, arrow: string): Line => [span(`  ${arrow} ${amount} more`, { dim: true })]

/** Cells before a value. */
export const FIELD_INDENT = 12

/** `name    value`, for panels. */
export const field = (name: string, value: Line | string, width = FIELD_INDENT - 2): Line => [
  span(`  ${name}${' '.repeat(Math.max(1, width - cells(name)))}`, { dim: true }),
  ...(typeof value === 'string' ? [span(value)] : value),
]

/** A field whose value goes on below itself. */
export const longField = (name: string, value: string, columns: number, style: Style = {}): Line[] =>
  wrapped(value, columns - FIELD_INDENT).map((row, index) => field(index ? '' : name, [span(row, style)]))
