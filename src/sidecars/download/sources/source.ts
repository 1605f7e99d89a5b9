import type { Extraction } from '../../archive/extract-entry.ts'
import type { WantedOpencode } from '../../cache/cache-layout.ts'
import type { Debug } from '../../fetch/download-file.ts'
import type { TransferLimits } from '../../fetch/limits.ts'
import type { ReleasePlace } from '../../release/release.ts'
import type { OnProgress } from '../progress.ts'

/** A file that a source has delivered. Nothing in it is trusted yet. */
export type Delivery = {
  readonly path: string
  /** Where the binary is in it; undefined when the file is the binary. */
  readonly packed: Pick<Extraction, 'archive' | 'entry'> | undefined
  /** Where it came from, for messages. */
  readonly origin: string
  /** The next step, should it turn out to be something else. */
  readonly hint: string
}

export type SourceOptions = {
  sidecarDir: string
  /** An empty folder of ours that goes away afterwards. */
  folder: string
  env: Readonly<Record<string, string | undefined>>
  release: ReleasePlace
  /** Where opencode's own release archives are. */
  opencodeReleases: string
  onProgress: OnProgress
  signal: AbortSignal | undefined
  /** For a whole transfer by npm, which has no other limit. */
  npmLimitMs: number | undefined
  limits: Partial<TransferLimits> | undefined
  /** For a log that says more. */
  debug?: Debug | undefined
  /** For any log. */
  info?: Debug | undefined
}

/**
 * A place that has builds of opencode. The hash of what comes out decides, so that none of them need be trusted.
 * `deliver` throws a coded error that names the URL or command, and what became of it.
 */
export type Source = {
  readonly name: string
  readonly deliver: (wanted: WantedOpencode, options: SourceOptions) => Promise<Delivery>
}

/** Five times what opencode takes: past it, a file is not worth reading to its end. */
export const MAX_ARCHIVE_BYTES = 1024 ** 3

/** How a build is called in messages. */
export const titleOf = ({ name, version }: WantedOpencode): string => `${name}@${version}`
