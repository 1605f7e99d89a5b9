// A screen as a picture: text that can be selected and searched, on a grid that holds with any font of the viewer.
import type { Cell, Row, Style } from './screen.ts'

const CELL = { width: 8.4, height: 18 }
const BASELINE = 13.5
const MARGIN = 14
const TITLE_HEIGHT = 34
const GROUND = '#0d1117'
const INK = '#e6edf3'
const FONT = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

type Run = { text: string; column: number; width: number; style: Style }

/** @param title for the bar above it, and for those who cannot see it */
export function renderSvg(rows: readonly Row[], { title, columns }: { title: string; columns: number }): string {
  const width = round(columns * CELL.width + 2 * MARGIN)
  const height = round(rows.length * CELL.height + TITLE_HEIGHT + MARGIN)
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (color, index) => `<circle cx="${MARGIN + 6 + index * 20}" cy="17" r="6" fill="${color}"/>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<style>text{font:14px ${FONT}}</style>`,
    `<rect width="${width}" height="${height}" rx="10" fill="${GROUND}"/>`,
    ...dots,
    `<text x="${round(width / 2)}" y="22" text-anchor="middle" fill="${INK}" fill-opacity="0.7">${escaped(title)}</text>`,
    `<g transform="translate(${MARGIN} ${TITLE_HEIGHT})" fill="${INK}">`,
    ...rows.flatMap((row, index) => renderRow(row, index)),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

function renderRow(row: Row, index: number): string[] {
  const top = index * CELL.height
  const runs = runsOf(row)
  const grounds = runs
    .map(run => ({ ...run, fill: colorsOf(run.style).background }))
    .filter(({ fill }) => fill !== undefined)
    .map(({ column, width, fill }) => rect(column, top, width, CELL.height, `fill="${fill}"`))
  const texts = runs.filter(({ text }) => text.trim() !== '').map(run => renderRun(run, top))
  return [...grounds, ...texts]
}

function renderRun({ text, column, width, style }: Run, top: number): string {
  const { color } = colorsOf(style)
  const look = [
    color === INK ? '' : ` fill="${color}"`,
    style.bold ? ' font-weight="bold"' : '',
    style.dim ? ' fill-opacity="0.6"' : '',
    style.italic ? ' font-style="italic"' : '',
    style.underline ? ' text-decoration="underline"' : '',
  ].join('')
  const blocks = blocksOf(text)
  if (blocks) {
    const shape = blocks.map(([from, to], place) =>
      rect(column + place, top + from * CELL.height, 1, (to - from) * CELL.height, `fill="${color}"`),
    )
    return shape.join('')
  }
  return Array.from(text.matchAll(WORDS), ({ 0: words, index }) => {
    // Whatever font the viewer has, the words take their cells. Of a wide character there is one in a run.
    const length = round((text.length === words.length ? width : words.length) * CELL.width)
    const x = round((column + index) * CELL.width)
    return `<text x="${x}" y="${round(top + BASELINE)}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${look}>${escaped(words)}</text>`
  }).join('')
}

/** Viewers differ in what they make of spaces in a row, and at the ends of a text. */
const WORDS = /\S+(?: \S+)*/g

/** Block elements fill their cells, which fonts do not always: from where to where, down from the top. */
function blocksOf(text: string): [number, number][] | undefined {
  if (!/^[▀▁▂▃▄▅▆▇█]+$/.test(text)) return undefined
  return [...text].map(block => (block === '▀' ? [0, 0.5] : [1 - (block.charCodeAt(0) - 0x2580) / 8, 1]))
}

const isBlock = (cell: Cell): boolean => /^[▀-█]$/.test(cell.text)

/** Neighbours that look the same are one text; wide characters and blocks are kept apart from the others. */
function runsOf(row: Row): Run[] {
  const runs: Run[] = []
  let column = 0
  let before: Cell | undefined
  for (const cell of row) {
    const last = runs.at(-1)
    const isSame =
      before && cell.width === 1 && before.width === 1 && isBlock(cell) === isBlock(before) && isAlike(before, cell)
    if (last && isSame) {
      last.text += cell.text
      last.width += 1
    } else runs.push({ text: cell.text, column, width: cell.width, style: cell.style })
    column += cell.width
    before = cell
  }
  return runs
}

const isAlike = (a: Cell, b: Cell): boolean =>
  (['color', 'background', 'bold', 'dim', 'italic', 'underline', 'inverse'] as const).every(
    key => (a.style[key] || undefined) === (b.style[key] || undefined),
  )

const colorsOf = ({ color = INK, background, inverse }: Style): { color: string; background: string | undefined } =>
  inverse ? { color: background ?? GROUND, background: color } : { color, background }

const rect = (column: number, y: number, width: number, height: number, fill: string): string =>
  `<rect x="${round(column * CELL.width)}" y="${round(y)}" width="${round(width * CELL.width)}" height="${round(height)}" ${fill}/>`

const round = (value: number): number => Math.round(value * 100) / 100

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
