import { z } from 'zod'

/** The project's OpenCode and OpenWork settings; a missing file reads as `{}`. */
export const workspaceConfig = z.object({
  opencode: z.record(z.string(), z.unknown()),
  openwork: z.record(z.string(), z.unknown()),
  /** Time of the last change made through this server, milliseconds since the epoch; null when there was none. */
  updatedAt: z.number().nullable(),
})
