/** What a download is doing. Comes at least every three seconds while it lasts. */
export type Progress = {
  readonly stage: 'waiting' | 'locating' | 'downloading' | 'unpacking' | 'checking'
  /** `opencode-linux-x64@1.18.33` */
  readonly what: string
  /** Since this stage began. */
  readonly elapsedMs: number
  readonly bytes?: number | undefined
  readonly totalBytes?: number | undefined
  readonly bytesPerSecond?: number | undefined
  /** The server it comes from, or the program that fetches it. */
  readonly from?: string | undefined
}

export type OnProgress = (progress: Progress) => void

export type Report = (more?: Pick<Progress, 'bytes' | 'totalBytes' | 'bytesPerSecond' | 'from'>) => void

const PROGRESS_EVERY_MS = 1_000

/** Tells how far a stage is that begins now. */
export function timedProgress(what: string, stage: Progress['stage'], onProgress: OnProgress): Report {
  const startedMs = performance.now()
  return more => onProgress({ stage, what, elapsedMs: Math.round(performance.now() - startedMs), ...more })
}

/** For work that tells nothing while it lasts: say at least that it still does. */
export async function whileReporting<Result>(report: () => void, work: () => Promise<Result>): Promise<Result> {
  report()
  const timer = setInterval(report, PROGRESS_EVERY_MS)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}
