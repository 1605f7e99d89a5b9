import { byteCount } from '../shared/byte-count.ts'
import type { Log } from '../shared/log.ts'
import type { Progress } from '../sidecars/download/progress.ts'
import { renderProgress } from './render-progress.ts'
import type { StatusLine } from './status-line.ts'

/** Shows how far downloads are, until `end`. */
export type DownloadProgress = { step(progress: Progress): void; end(): void }

/** A bar on the terminal's last line. */
export const progressBar = (line: StatusLine, color: boolean): DownloadProgress => ({
  step: progress => line.show(columns => renderProgress(progress, columns, color)),
  end: () => line.clear(),
})

const LOG_EVERY_MS = 3_000

/** For everything that is no terminal: a log line when a stage begins, and how far it is every few seconds. */
export function progressLog(log: Log): DownloadProgress {
  let last = { stage: '', what: '', atMs: 0 }
  return {
    step: ({ stage, what, elapsedMs, bytes, totalBytes, bytesPerSecond, from }) => {
      const isSame = stage === last.stage && what === last.what
      // Another source begins its own count of the time.
      if (isSame && elapsedMs >= last.atMs && elapsedMs - last.atMs < LOG_EVERY_MS) return
      const hasBegunAgain = isSame && elapsedMs < last.atMs
      last = { stage, what, atMs: elapsedMs }
      if (hasBegunAgain) return
      if (!isSame) return log.info(`${stage} ${what}`)
      log.info(`${stage} ${what}`, {
        percent: bytes !== undefined && totalBytes ? Math.floor((100 * bytes) / totalBytes) : undefined,
        rate: bytesPerSecond ? `${byteCount(bytesPerSecond)}/s` : undefined,
        from: from || undefined,
        seconds: Math.round(elapsedMs / 1_000),
      })
    },
    end: () => {},
  }
}
