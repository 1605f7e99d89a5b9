import type { Self } from '../services/own-program.ts'
import type { Log } from '../shared/log.ts'
import type { Progress } from '../sidecars/download/progress.ts'

/** Around a start: what it is told of the process it runs in. */
export type PrepareDeps = {
  env: Readonly<Record<string, string | undefined>>
  /** The folder openwork was called in. */
  cwd: string
  self: Self
  platform: NodeJS.Platform
  home: string
  log: Log
  /** Shows how far downloads are, until `end`. */
  progress: { step(progress: Progress): void; end(): void }
  /** Aborted: stop preparing. */
  signal: AbortSignal
}
