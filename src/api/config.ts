import { z } from 'zod'

/** The project's OpenCode and OpenWork settings; a missing file reads as `{}`. */
export const workspaceConfig = z.object({
  opencode: z.record(z.string(), z.unknown()),
  openwork: z.record(z.string(), z.unknown()),
  /** Time of the last change made through this server, milliseconds since the epoch; null when there was none. */
  updatedAt: z.number().nullable(),
})

/** Deeper than any settings of people, and still no trouble for anybody who writes or reads them. */
const MAX_DEPTH = 32
const MAX_KEYS = 100

const plainSettings = z
  .record(z.string(), z.unknown())
  .refine(value => Object.keys(value).length <= MAX_KEYS, `at most ${MAX_KEYS} keys can be changed at once`)
  .refine(value => isWithinDepth(value, MAX_DEPTH), `nested deeper than ${MAX_DEPTH} levels`)

/** Looked for first: the schema would leave the key out, and so would whoever reads the file. */
const settings = z.preprocess((value, context) => {
  if (hasProtoKey(value, MAX_DEPTH)) context.addIssue('the key __proto__ cannot be set')
  return value
}, plainSettings)

/** Looks no deeper than `levels`. */
function hasProtoKey(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null || levels === 0) return false
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(member => hasProtoKey(member, levels - 1))
}

function isWithinDepth(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every(member => isWithinDepth(member, levels - 1))
}

/**
 * Keys to replace as wholes, the others stay. In `opencode`, null takes a key out, and of `permission` only
 * `external_directory` is taken; in `openwork`, null is a value.
 */
export const configPatch = z
  .object({ opencode: settings.optional(), openwork: settings.optional() })
  .refine(
    ({ opencode, openwork }) => opencode !== undefined || openwork !== undefined,
    'opencode or openwork is needed',
  )
export type ConfigPatch = z.infer<typeof configPatch>

export const configPatched = z.object({ updatedAt: z.number() })
