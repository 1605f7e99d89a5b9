// What differs from run to run, and what belongs to the machine, gives way to something that stays the same.
import { type Cell, plainRow, type Row } from './screen.ts'

export type Replacement = {
  find: string | RegExp
  /** A function gets what was found, and how many different ones were found before it. */
  with: string | ((found: string, index: number) => string)
}

/** Columns stay where they are: a longer text takes room from the spaces behind it, a shorter one widens the next gap. */
export function scrubber(replacements: readonly Replacement[]): (rows: readonly Row[]) => Row[] {
  const rules = replacements.map(({ find, with: text }) => ({
    pattern: typeof find === 'string' ? new RegExp(RegExp.escape(find), 'g') : find,
    text,
    seen: new Map<string, string>(),
  }))
  const replacementOf = ({ text, seen }: (typeof rules)[number], found: string): string => {
    if (typeof text === 'string') return text
    const known = seen.get(found) ?? text(found, seen.size)
    seen.set(found, known)
    return known
  }
  return rows =>
    rows.map(row =>
      rules.reduce((scrubbed, rule) => replaced(scrubbed, rule.pattern, found => replacementOf(rule, found)), row),
    )
}

function replaced(row: Row, pattern: RegExp, replacementOf: (found: string) => string): Row {
  const plain = plainRow(row)
  const cells: Cell[] = []
  let place = 0
  let missing = 0
  const copyTo = (end: number): void => {
    const gap = plain.slice(place, end).search(/ {2}|$/) + place
    const isGap = missing > 0 && (gap < end || end === plain.length)
    const blanks = isGap ? textCells(' '.repeat(missing), {}) : []
    if (isGap) missing = 0
    cells.push(...cellsBetween(row, place, gap), ...blanks, ...cellsBetween(row, gap, end))
    place = end
  }
  for (const { index, 0: found } of plain.matchAll(pattern)) {
    if (index < place) continue // eaten by the replacement before
    copyTo(index)
    const text = replacementOf(found)
    const [first] = cellsBetween(row, index, index + found.length)
    const room = /^ */.exec(plain.slice(index + found.length))?.[0].length ?? 0
    cells.push(...textCells(text, first?.style ?? {}))
    missing += Math.max(0, found.length - text.length)
    place = index + found.length + Math.min(Math.max(0, text.length - found.length), room)
  }
  copyTo(plain.length)
  return cells
}

const textCells = (text: string, style: Cell['style']): Cell[] =>
  [...text].map(each => ({ text: each, width: 1, style }))

/** The cells of a part of the row's text. */
function cellsBetween(row: Row, from: number, to: number): Cell[] {
  let place = 0
  return row.filter(({ text }) => {
    const start = place
    place += text.length
    return start >= from && start < to
  })
}
