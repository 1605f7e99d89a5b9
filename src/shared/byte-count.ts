const UNITS = ['kB', 'MB', 'GB', 'TB'] as const

/** `512 B`, `1.5 kB`, `185 MB`: in thousands, with two or three digits that count. */
export function byteCount(bytes: number): string {
  let count = bytes
  let unit = 'B'
  for (const next of UNITS) {
    if (count < 999.5) break // more than that is rounded up to a thousand
    count /= 1000
    unit = next
  }
  return `${unit !== 'B' && count < 9.95 ? count.toFixed(1) : Math.round(count)} ${unit}`
}
