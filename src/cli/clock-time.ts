/** `14:05`, with its day when that is another one: of this machine's time. */
export const clockTime = (atMs: number, nowMs: number = Date.now()): string => dayAnd(5, atMs, nowMs)

/** The same with seconds. */
export const clockSeconds = (atMs: number, nowMs: number = Date.now()): string => dayAnd(8, atMs, nowMs)

function dayAnd(length: number, atMs: number, nowMs: number): string {
  const at = new Date(atMs)
  const time = at.toTimeString().slice(0, length)
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${at.toLocaleDateString('sv')} ${time}`
}
