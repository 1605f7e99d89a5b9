/** How long something took or takes: `45 s`, `15 min`, `3 h`. */
export function span(ms: number): string {
  if (ms < 90_000) return `${Math.ceil(ms / 1_000)} s`
  if (ms < 120 * 60_000) return `${Math.round(ms / 60_000)} min`
  return `${Math.round(ms / 3_600_000)} h`
}
