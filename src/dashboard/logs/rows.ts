import { cells } from '../text.ts'

/** A part of a text by its characters' places, and the cells to leave empty before it. */
export type Part = { from: number; to: number; padding: number }

const isAscii = (text: string): boolean => !/[^\x20-\x7e]/.test(text)

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Where the rows of a text begin that is wrapped at so many cells; characters stay whole. */
export function rowStarts(text: string, width: number): number[] {
  const room = Math.max(1, width)
  if (isAscii(text)) return Array.from({ length: Math.max(1, Math.ceil(text.length / room)) }, (_, row) => row * room)
  const starts = [0]
  let place = 0
  let used = 0
  for (const { segment: grapheme } of segmenter.segment(text)) {
    const next = cells(grapheme)
    if (used + next > room && used > 0) {
      starts.push(place)
      used = 0
    }
    used += next
    place += grapheme.length
  }
  return starts
}

/** What is seen of a text through a window of so many cells that begins `left` cells into it. */
export function windowOf(text: string, left: number, width: number): Part {
  if (isAscii(text)) {
    const from = Math.min(left, text.length)
    return { from, to: Math.min(text.length, from + width), padding: 0 }
  }
  let from = text.length
  let to = text.length
  let padding = 0
  let place = 0
  let used = 0
  for (const { segment: grapheme } of segmenter.segment(text)) {
    const next = cells(grapheme)
    if (used + next > left + width) {
      to = place
      break // a line may be long, and what is seen of it short
    }
    if (used >= left && from === text.length) {
      from = place
      padding = used - left // of a wide character whose second half is in the window
    }
    used += next
    place += grapheme.length
  }
  return { from: Math.min(from, to), to, padding }
}
