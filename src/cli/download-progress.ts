import type { Log } from '../shared/log.ts'
import type { Progress } from '../sidecars/download/progress.ts'
import { byteCount } from './byte-count.ts'
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

/** For everything that is no terminal: a log line when another stage begins, and every few seconds within one. */
export function progressLog(log: Log): DownloadProgress {
  let last = { stage: '', what: '', atMs: 0 }
  return {
    step: ({ stage, what, elapsedMs, bytes, totalBytes, bytesPerSecond, from }) => {
      const isSame = stage === last.stage && what === last.what && elapsedMs >= last.atMs
      if (isSame && elapsedMs - last.atMs < LOG_EVERY_MS) return
      last = { stage, what, atMs: elapsedMs }
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
