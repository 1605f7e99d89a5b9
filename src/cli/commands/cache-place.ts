import { executableOf } from '../../services/own-program.ts'
import { VERSION } from '../../shared/version.ts'
import type { Made } from '../../sidecars/cache/cache-items.ts'
import { OPENCODE_PINS } from '../../sidecars/pins/opencode-pins.generated.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { list } from '../kit/flags.ts'

/** Flags of every cache command. Those that download have `sidecarPlaceFlags` as well. */
export const cacheFlags = { dataDir: dataDirFlag, sidecarDir: sidecarPlaceFlags.sidecarDir }

export const targetFlag = list({
  perCall: true,
  valueName: 'targets',
  summary: 'Builds for other machines: linux-arm64, linux-x64-baseline, …, or all',
  defaultText: 'this machine',
})

export const MADE: Made = { version: VERSION, pins: OPENCODE_PINS }

/** What counts as bundled lies beside it. */
export const executablePath = (): string => executableOf({ main: Bun.main, execPath: process.execPath })
