/** `14:05`, with its day when that is another one: of this machine's time. */
export function clockTime(atMs: number, nowMs: number = Date.now()): string {
  const at = new Date(atMs)
  const time = at.toTimeString().slice(0, 5)
  return at.toDateString() === new Date(nowMs).toDateString() ? time : `${at.toLocaleDateString('sv')} ${time}`
}
