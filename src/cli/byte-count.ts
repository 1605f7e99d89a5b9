const UNITS = ['kB', 'MB', 'GB', 'TB'] as const

/** `512 B`, `1.5 kB`, `185 MB`: in thousands, with two or three digits that count. */
export function byteCount(bytes: number): string {
  let count = bytes
  let unit = 'B'
  for (const next of UNITS) {
    if (count < 1000) break
    count /= 1000
    unit = next
  }
  return `${unit !== 'B' && count < 10 ? count.toFixed(1) : Math.round(count)} ${unit}`
}
