/** What terminals are at odds about, or what leads to it. Most texts have none of it. */
const DOUBTFUL = /[\p{M}\p{Cf}\p{Cs}\p{DI}\p{RI}\p{EMod}\u0e33\u0eb3\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]/u

/** Taken out: formats, variation selectors, skin tones, marks with a width of their own, loose Hangul vowels and ends. */
const LEFT_OUT = /[\p{Cf}\p{DI}\p{EMod}\p{Mc}\p{Me}\u1160-\u11ff\ud7b0-\ud7ff\u302a-\u302f\u3099\u309a]/gu

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/**
 * A text that takes as many cells in every terminal as it has here, whether they count characters or what readers take
 * for one. Where they differ, what is left is the base characters: of a flag its two letters, of an emoji the one without
 * a skin tone, of a syllable of Hindi its consonants. A row that comes out wider than was counted would push others away.
 */
export function widthSafe(text: string): string {
  if (!DOUBTFUL.test(text)) return text
  const plain = text
    .toWellFormed()
    .normalize('NFC')
    .replace(/\p{RI}/gu, letterOfFlag)
    .replaceAll('\u0e33', '\u0e4d\u0e32') // Thai and Lao "am", as it is written
    .replaceAll('\u0eb3', '\u0ecd\u0eb2')
    .replace(LEFT_OUT, '')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1') // a tower of accents
  return /\p{M}/u.test(plain) ? Array.from(segmenter.segment(plain), ({ segment }) => apart(segment)).join('') : plain
}

const letterOfFlag = (indicator: string): string =>
  String.fromCharCode((indicator.codePointAt(0) ?? 0) - 0x1f1e6 + 'A'.charCodeAt(0))

/** Several letters that a mark makes one, as the virama of Indian scripts does. */
const apart = (grapheme: string): string =>
  (grapheme.match(/\P{M}/gu)?.length ?? 0) > 1 ? grapheme.replace(/\p{M}/gu, '') : grapheme
