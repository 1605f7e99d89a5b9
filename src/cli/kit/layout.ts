/** Folds text at spaces; a word longer than the width stands alone. Empty text is no line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter(part => part !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

export type Row = {
  readonly term: string
  readonly text: string
  /** Set apart behind the text: defaults, variables. */
  readonly aside: string
}

type Paint = { readonly term: (text: string) => string; readonly aside: (text: string) => string }

const INDENT = 2
const GAP = 2
/** A longer term has its text on the next line. */
const MAX_TERM = 34
/** Below this the text stands under its term. */
const NARROW = 60

/** Terms on the left, folded texts on the right, as lines without trailing spaces. */
export function columns(rows: readonly Row[], width: number, paint: Paint): string[] {
  const fitting = rows.map(row => row.term.length).filter(length => length <= MAX_TERM)
  const column = width < NARROW ? INDENT * 3 : INDENT + Math.max(0, ...fitting) + GAP
  return rows.flatMap(row => {
    const lines = textAndAside(row, Math.max(20, width - column), paint.aside)
    const fits = INDENT + row.term.length + GAP <= column
    const begin = ' '.repeat(INDENT) + paint.term(row.term)
    const first = fits ? begin + ' '.repeat(column - INDENT - row.term.length) + (lines.shift() ?? '') : begin
    return [first.trimEnd(), ...lines.map(line => ' '.repeat(column) + line)]
  })
}

/** The aside follows on the last line of the text when it fits there. */
function textAndAside(row: Row, width: number, paint: (text: string) => string): string[] {
  const lines = wrap(row.text, width)
  const aside = wrap(row.aside, width)
  const last = lines.at(-1)
  const [only] = aside
  if (aside.length === 1 && only !== undefined && last !== undefined && last.length + GAP + only.length <= width)
    return [...lines.slice(0, -1), `${last}${' '.repeat(GAP)}${paint(only)}`]
  return [...lines, ...aside.map(paint)]
}
