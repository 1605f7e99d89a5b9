/** Folds text at spaces; a word longer than the width stands alone. Blank text is no line. */
export function wrap(text: string, width: number): string[] {
  return pack(
    text.split(/\s+/).filter(word => word !== ''),
    width,
  )
}

/** Puts units on lines without breaking one. */
function pack(units: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const unit of units) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + unit.length <= width) lines[lines.length - 1] = `${last} ${unit}`
    else lines.push(unit)
  }
  return lines
}

export type Row = {
  readonly term: string
  readonly text: string
  /** Facts set apart behind the text: defaults, variables. */
  readonly facts: readonly string[]
}

type Paint = { readonly term: (text: string) => string; readonly fact: (text: string) => string }

const INDENT = 2
const GAP = 2
/** A longer term has its text on the next line. */
const MAX_TERM = 30
/** Below this the texts stand under their terms. */
const NARROW = 60

/** Where the texts of these rows begin. */
export function textColumn(rows: readonly Row[], width: number): number {
  const fitting = rows.map(row => row.term.length).filter(length => length <= MAX_TERM)
  return width < NARROW ? INDENT * 3 : INDENT + Math.max(0, ...fitting) + GAP
}

/** Terms on the left, folded texts from `column` on, as lines without trailing spaces. */
export function renderRows(rows: readonly Row[], column: number, width: number, paint: Paint): string[] {
  return rows.flatMap(row => {
    const lines = textAndFacts(row, Math.max(20, width - column), paint.fact)
    const begin = ' '.repeat(INDENT) + paint.term(row.term)
    const room = column - INDENT - row.term.length
    const first = room >= GAP ? begin + ' '.repeat(room) + (lines.shift() ?? '') : begin
    return [first.trimEnd(), ...lines.map(line => ' '.repeat(column) + line)]
  })
}

/** The facts follow on the last line of the text when all of them fit there. */
function textAndFacts({ text, facts }: Row, width: number, paint: (text: string) => string): string[] {
  const lines = wrap(text, width)
  const last = lines.pop() ?? ''
  const joined = facts.join(' ')
  if (joined !== '' && last.length + GAP + joined.length <= width)
    return [...lines, `${last}${' '.repeat(GAP)}${paint(joined)}`]
  const below = facts.flatMap(fact => (fact.length > width ? wrap(fact, width) : [fact]))
  return [...lines, last, ...pack(below, width).map(paint)]
}
