import pc from 'picocolors'
import { byteCount } from '../shared/byte-count.ts'
import type { Progress } from '../sidecars/download/progress.ts'

const DOING: Record<Progress['stage'], string> = {
  waiting: 'Waiting for',
  locating: 'Locating',
  downloading: 'Downloading',
  unpacking: 'Unpacking',
  checking: 'Trying out',
}

/** What is being done, in words: `Downloading opencode`. The version and the build are for the log. */
const headOf = ({ stage, what }: Progress): string =>
  `${DOING[stage]} ${what.replace(/-(?:linux|darwin|windows)-.*$/, '')}`

/** Where there is less room than for the longest bar beside the words, a short one or none. */
const BARS = [
  { fromColumns: 96, length: 24 },
  { fromColumns: 56, length: 10 },
] as const

/**
 * One line of at most `columns` characters. Where there is little room the bar gets shorter and goes, then the last of
 * what is told: the server, the rate, the time left, the amount.
 */
export function renderProgress(progress: Progress, columns: number, color: boolean): string {
  return renderWork({ ...progress, head: headOf(progress) }, columns, color)
}

type Work = Pick<Progress, 'bytes' | 'totalBytes' | 'bytesPerSecond' | 'elapsedMs' | 'from'> & {
  /** Absent for work that is no transfer. */
  readonly stage?: Progress['stage']
  /** What is done, in words. */
  readonly head: string
}

/** The line of `renderProgress` for any other work on bytes. */
export function renderWork(work: Work, columns: number, color: boolean): string {
  const { head, stage, bytes, totalBytes, bytesPerSecond = 0, elapsedMs, from } = work
  const source = from ? [`from ${from}`] : []
  if (bytes === undefined || totalBytes === undefined || totalBytes === 0) {
    const amount = bytes ? [byteCount(bytes)] : []
    const seconds = elapsedMs >= 1_000 ? [`${Math.round(elapsedMs / 1_000)} s`] : []
    const why = stage === 'waiting' ? ['another openwork fetches it'] : []
    return fit(head, [...amount, ...seconds, ...source, ...why], columns)
  }
  const share = Math.min(1, bytes / totalBytes)
  const isMoving = bytesPerSecond > 0 && bytes < totalBytes
  const speed = [`${duration((totalBytes - bytes) / bytesPerSecond)} left`, `${byteCount(bytesPerSecond)}/s`]
  const percent = `${String(Math.floor(100 * share)).padStart(3)} %`
  const amount = `${byteCount(bytes)} of ${byteCount(totalBytes)}`
  const details = [percent, amount, ...(isMoving ? speed : []), ...source]
  const length = BARS.find(({ fromColumns }) => columns >= fromColumns)?.length
  if (length === undefined) return fit(head, details, columns)
  return `${bar(share, length, color)}  ${fit(head, details, columns - length - 2)}`
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
