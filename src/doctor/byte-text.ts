const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** `512 B`, `1.5 GB`: in thousands. */
export function byteText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3))
  const count = bytes / 1000 ** power
  return `${power > 0 && count < 9.95 ? count.toFixed(1) : Math.round(count)} ${UNITS[power]}`
}
