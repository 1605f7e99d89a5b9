/**
 * Compares two texts as their UTF-8 bytes compare: the one order of catalogs, the same on every machine. JavaScript's
 * own `<` compares UTF-16 code units, which put U+1F600 (a surrogate pair) before U+FF5E.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index += 1) {
    const difference = a.charCodeAt(index) - b.charCodeAt(index)
    if (difference !== 0) return byteRank(a.charCodeAt(index)) - byteRank(b.charCodeAt(index))
  }
  return a.length - b.length
}

/** Surrogates stand for code points above all others: they change places with the units that follow them. */
function byteRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** The first place in a sorted list whose text is `text` or greater; `textOf` gives the text it is sorted by. */
export function placeOf<Item>(sorted: readonly Item[], text: string, textOf: (item: Item) => string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareBytes(textOf(sorted[middle] as Item), text) < 0) low = middle + 1
    else high = middle
  }
  return low
}
