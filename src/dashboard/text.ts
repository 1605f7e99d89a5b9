import stringWidth from 'string-width'
import { widthSafe } from './width-safe.ts'

/** Text for a terminal as data: what it looks like is decided here, how wide it is and what is cut off below. */
export type Color = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'gray'
export type Style = { color?: Color | undefined; bold?: boolean; dim?: boolean; inverse?: boolean }
export type Span = Style & { text: string }
/** One row of the screen. Its texts hold no control characters: see `harmless`. */
export type Line = readonly Span[]

export const span = (text: string, style: Style = {}): Span => ({ text, ...style })

/** Cells that a text takes in a terminal. */
export const cells = (text: string): number => (isAscii(text) ? text.length : measured(text))

/** Measuring takes longer than all else, and most of a screen is there again a second later. */
const known = new Map<string, number>()
const KNOWN_TEXTS = 2_000
const KNOWN_LENGTH = 300

function measured(text: string): number {
  const width = known.get(text) ?? stringWidth(text)
  if (known.size >= KNOWN_TEXTS) known.clear()
  if (text.length <= KNOWN_LENGTH) known.set(text, width)
  return width
}

const isAscii = (text: string): boolean => !/[^\x20-\x7e]/.test(text)

/**
 * Text of others (titles, paths, log lines) without what a terminal would obey: escape sequences, control characters,
 * and the marks that turn the direction of writing around.
 */
export function inert(text: string): string {
  return isAscii(text)
    ? text
    : text
        .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|[ -/]*[0-~])/g, '')
        .replace(/[\t\n\r\u2028\u2029]/g, ' ')
        .replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '')
}

/** The same, for a place on the screen: it also takes no other room than `cells` tells. */
export const harmless = (text: string): string => (isAscii(text) ? text : widthSafe(inert(text)))

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
/** What a reader takes for one character each. */
export const graphemes = (text: string): string[] =>
  isAscii(text) ? [...text] : Array.from(segmenter.segment(text), ({ segment }) => segment)

/** The start of a text that fits into so many cells, and with how many. */
function fitting(text: string, width: number): { text: string; width: number } {
  let kept = ''
  let used = 0
  for (const grapheme of graphemes(text)) {
    const next = cells(grapheme)
    if (used + next > width) break
    kept += grapheme
    used += next
  }
  return { text: kept, width: used }
}

/** At most `width` cells; what was cut ends with `…`. */
export function cut(text: string, width: number): string {
  if (width <= 0) return ''
  return cells(text) <= width ? text : `${fitting(text, width - 1).text}…`
}

/** A text over as many rows of `width` cells as it takes, broken between words where they fit. */
export function wrapped(text: string, width: number): string[] {
  const rows: string[] = []
  let row = ''
  for (const word of text.split(' ')) {
    const longer = row ? `${row} ${word}` : word
    if (cells(longer) <= width) {
      row = longer
      continue
    }
    if (row) rows.push(row)
    row = word
    while (cells(row) > width) {
      const { text: piece } = fitting(row, Math.max(2, width)) // the widest character takes two
      rows.push(piece)
      row = row.slice(piece.length)
    }
  }
  return [...rows, row]
}

/** The end of a text rather than its start: of a path, it tells more. */
export function cutStart(text: string, width: number): string {
  if (width <= 0) return ''
  if (cells(text) <= width) return text
  const all = graphemes(text).reverse()
  let kept = ''
  let used = 1
  for (const grapheme of all) {
    const next = cells(grapheme)
    if (used + next > width) break
    kept = grapheme + kept
    used += next
  }
  return `…${kept}`
}

/** Exactly `width` cells. */
export function fill(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const shown = cut(text, width)
  const padding = ' '.repeat(Math.max(0, width - cells(shown)))
  return side === 'left' ? shown + padding : padding + shown
}

export const widthOf = (line: Line): number => line.reduce((sum, { text }) => sum + cells(text), 0)

/** At most `width` cells of a line, its styles kept. */
export function cutLine(line: Line, width: number): Line {
  if (widthOf(line) <= width) return line
  const kept: Span[] = []
  let left = width - 1
  for (const each of line) {
    const shown = fitting(each.text, left)
    kept.push({ ...each, text: shown.text })
    left -= shown.width
    if (shown.text !== each.text) break
  }
  return width > 0 ? [...kept, span('…')] : []
}

/** `left` and `right` at the ends of a row of `width` cells; `right` goes first when both do not fit. */
export function justify(left: Line, right: Line, width: number): Line {
  const gap = width - widthOf(left) - widthOf(right)
  return gap >= 1 ? [...left, span(' '.repeat(gap)), ...right] : cutLine(left, width)
}

const COLOR_CODES: Record<Color, number> = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, gray: 90 }

/** With escape sequences for its styles, each span closed again; without colour, bold and inverse still tell things apart. */
export function renderLine(line: Line, color: boolean): string {
  return line
    .map(({ text, ...style }) => {
      const codes = [
        ...(style.bold ? [1] : []),
        ...(style.dim ? [2] : []),
        ...(style.inverse ? [7] : []),
        ...(color && style.color ? [COLOR_CODES[style.color]] : []),
      ]
      return codes.length && text ? `\x1b[${codes.join(';')}m${text}\x1b[0m` : text
    })
    .join('')
}

/** Without styles, for tests and for plain mode. */
export const plainText = (line: Line): string => line.map(({ text }) => text).join('')
