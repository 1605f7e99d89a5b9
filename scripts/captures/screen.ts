// What `tmux capture-pane -e -p` prints, as cells.
export type Style = {
  color?: string | undefined
  background?: string | undefined
  bold?: boolean
  dim?: boolean
  italic?: boolean
  underline?: boolean
  inverse?: boolean
}
/** A character, of one cell or two. */
export type Cell = { text: string; width: 1 | 2; style: Style }
export type Row = readonly Cell[]

/** Black to white, then the bright ones; colours that are readable on the dark ground of `svg.ts`. */
const PALETTE = [
  ...['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#b1bac4'],
  ...['#6e7681', '#ffa198', '#56d364', '#e3b341', '#79c0ff', '#d2a8ff', '#56d4dd', '#f0f6fc'],
]

const SEQUENCE = /\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Za-z]|[\x0e\x0f]/g
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

export function parseScreen(captured: string): Row[] {
  let style: Style = {}
  return captured
    .replace(/\n$/, '')
    .split('\n')
    .map(line => {
      const cells: Cell[] = []
      let place = 0
      for (const sequence of line.matchAll(SEQUENCE)) {
        cells.push(...cellsOf(line.slice(place, sequence.index), style))
        if (sequence[1] !== undefined) style = styled(style, sequence[1])
        place = sequence.index + sequence[0].length
      }
      cells.push(...cellsOf(line.slice(place), style))
      return cells
    })
}

const cellsOf = (text: string, style: Style): Cell[] =>
  Array.from(segmenter.segment(text), ({ segment }) => ({
    text: segment,
    width: Bun.stringWidth(segment) > 1 ? 2 : 1,
    style,
  }))

const ON: Readonly<Record<number, Style>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  39: { color: undefined },
  49: { background: undefined },
}

/** The style after a "select graphic rendition" sequence. */
function styled(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map(Number)
  let style = before
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0
    if (code === 0) style = {}
    else if (code === 38 || code === 48) {
      const { color, length } = extended(codes.slice(at + 1))
      style = { ...style, [code === 38 ? 'color' : 'background']: color }
      at += length
    } else style = { ...style, ...ON[code], ...basic(code) }
  }
  return style
}

function basic(code: number): Style {
  if (code >= 30 && code <= 37) return { color: PALETTE[code - 30] }
  if (code >= 90 && code <= 97) return { color: PALETTE[code - 82] }
  if (code >= 40 && code <= 47) return { background: PALETTE[code - 40] }
  if (code >= 100 && code <= 107) return { background: PALETTE[code - 92] }
  return {}
}

function extended([kind, ...values]: readonly number[]): { color: string | undefined; length: number } {
  if (kind === 2) return { color: hex(values.slice(0, 3)), length: 4 }
  return { color: kind === 5 ? indexed(values[0] ?? 0) : undefined, length: 2 }
}

function indexed(index: number): string | undefined {
  if (index < 16) return PALETTE[index]
  if (index >= 232) return hex(Array(3).fill(8 + (index - 232) * 10))
  const steps = [Math.floor((index - 16) / 36), Math.floor((index - 16) / 6) % 6, (index - 16) % 6]
  return hex(steps.map(step => (step === 0 ? 0 : 55 + step * 40)))
}

const hex = (values: readonly number[]): string =>
  `#${values.map(value => value.toString(16).padStart(2, '0')).join('')}`

export const plainRow = (row: Row): string => row.map(({ text }) => text).join('')
