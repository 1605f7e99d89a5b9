import pc from 'picocolors'
import type { Progress } from '../sidecars/download/progress.ts'
import { byteCount } from './byte-count.ts'

const DOING: Record<Progress['stage'], string> = {
  waiting: 'Waiting for another openwork to fetch',
  downloading: 'Downloading',
  unpacking: 'Unpacking',
  checking: 'Trying out',
}

const LEAST_BAR = 8
const MOST_BAR = 24

/**
 * One line of at most `columns` characters. Where there is little room the time left, the rate and the amount are left
 * out, in this order, and then the name is cut short.
 */
export function renderProgress(progress: Progress, columns: number, color: boolean): string {
  const head = `${DOING[progress.stage]} ${progress.what}`
  // A bar says itself that something is being downloaded.
  return renderWork(
    { ...progress, head, name: progress.stage === 'downloading' ? progress.what : head },
    columns,
    color,
  )
}

type Work = Omit<Progress, 'stage' | 'what' | 'from'> & {
  /** What is done, in words. */
  readonly head: string
  /** The same behind a bar. */
  readonly name: string
}

/** The line of `renderProgress` for any other work on bytes. */
export function renderWork(work: Work, columns: number, color: boolean): string {
  const { head, name, bytes, totalBytes, bytesPerSecond = 0, elapsedMs } = work
  if (bytes === undefined || totalBytes === undefined || totalBytes === 0) {
    const seconds = elapsedMs >= 1_000 ? [`${Math.round(elapsedMs / 1_000)} s`] : []
    return fit(head, [...(bytes ? [byteCount(bytes)] : []), ...seconds], columns)
  }
  const share = Math.min(1, bytes / totalBytes)
  const amount = `${byteCount(bytes)} of ${byteCount(totalBytes)}`
  const isMoving = bytesPerSecond > 0 && bytes < totalBytes
  const speed = [`${byteCount(bytesPerSecond)}/s`, `${duration((totalBytes - bytes) / bytesPerSecond)} left`]
  const length = Math.min(MOST_BAR, Math.max(LEAST_BAR, Math.floor(columns / 4)))
  const percent = `  ${String(Math.floor(100 * share)).padStart(3)} %  `
  const room = columns - length - percent.length
  if (room < LEAST_BAR) return fit(head, [percent.trim()], columns)
  return `${bar(share, length, color)}${percent}${fit(name, isMoving ? [amount, ...speed] : [amount], room)}`
}

/** At the left and of one length, so that it stays in place while the numbers behind it grow. */
function bar(share: number, length: number, color: boolean): string {
  const { green, dim } = pc.createColors(color)
  const filled = Math.round(share * length)
  return `${green('━'.repeat(filled))}${dim('─'.repeat(length - filled))}`
}

/** As many of the details as there is room for; then as much of the head. */
function fit(head: string, details: readonly string[], columns: number): string {
  for (let count = details.length; count >= 0; count--) {
    const text = [head, ...details.slice(0, count)].join('  ')
    if (text.length <= columns) return text
  }
  return `${head.slice(0, Math.max(columns - 1, 0))}…`.slice(0, columns)
}

const duration = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`
