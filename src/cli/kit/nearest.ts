/** The beginning of more of them than this means none of them. */
const MAX_BEGUN = 4

/** Those that were most likely meant: all that begin like this, or else the nearest one. */
export function likely(typed: string, candidates: Iterable<string>): string[] {
  const all = [...new Set(candidates)]
  const begun = begunBy(typed, all)
  if (begun.length > 0 && begun.length <= MAX_BEGUN) return begun
  const close = fewestSlips(typed, all)
  return close === undefined ? [] : [close]
}

/**
 * The candidate that was most likely meant, or undefined when none is close. What is the beginning of one candidate only
 * means that one.
 */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  const all = [...new Set(candidates)]
  const begun = begunBy(typed, all)
  return begun.length === 1 ? begun[0] : fewestSlips(typed, all)
}

function begunBy(typed: string, candidates: readonly string[]): string[] {
  const begin = typed.toLowerCase()
  return typed.length < 2 ? [] : candidates.filter(candidate => candidate.toLowerCase().startsWith(begin))
}

/** About one slip per three letters is close. A swap of two neighbours counts as one. */
function fewestSlips(typed: string, candidates: readonly string[]): string | undefined {
  const allowed = Math.max(1, Math.floor(typed.length / 3))
  let best: string | undefined
  let bestDistance = allowed + 1
  for (const candidate of candidates) {
    // Also keeps a hostile kilobyte of text from costing a kilobyte-wide table per candidate.
    if (Math.abs(candidate.length - typed.length) >= bestDistance) continue
    const distance = slips(typed.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Damerau-Levenshtein distance in its "optimal string alignment" form. */
function slips(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const differs = a[row - 1] === b[column - 1] ? 0 : 1
      let cost = Math.min(at(last, column) + 1, at(current, column - 1) + 1, at(last, column - 1) + differs)
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

const at = (row: number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY
