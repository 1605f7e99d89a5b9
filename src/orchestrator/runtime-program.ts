import type { RuntimeService } from '../api/runtime.ts'

/** Where the program of a service came from, and which version it is. */
export type RuntimeProgram = {
  name: RuntimeService
  source: string
  path: string
  /** What it should be, by the openwork that found it. */
  targetVersion: string
  /** Undefined when the program would not say. */
  actualVersion: string | undefined
}
