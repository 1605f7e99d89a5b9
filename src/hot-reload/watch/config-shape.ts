import type { z } from 'zod'
import type { Log } from '../../shared/log.ts'

/** Why a value has not the shape that opencode asks for, and where in it. Never says the value: it may be a key. */
export type Misfit = { path: readonly PropertyKey[]; message: string }

export type ConfigShape = (value: unknown) => Misfit[]

/**
 * Makes a check of opencode's own JSON schema for its settings. Keys that it does not know are fine, as they are for
 * opencode 1.18.33, whatever its schema says. Undefined for a schema that cannot be used: no check is better than one
 * that keeps a good config from being taken up.
 */
export async function configShape(schema: unknown, log: Log): Promise<ConfigShape | undefined> {
  const { fromJSONSchema } = await import('zod')
  try {
    const shape = fromJSONSchema(openToKeys(schema) as Parameters<typeof fromJSONSchema>[0])
    return value => {
      const { error } = shape.safeParse(value)
      return error ? error.issues.map(issue => deepest(issue)) : []
    }
  } catch (error) {
    log.warn('Config files are not checked against the schema of opencode, which cannot be read', {
      reason: String(error),
    })
    return undefined
  }
}

const openToKeys = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema ?? null), (key, value) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  )

type Issue = z.core.$ZodIssue

/** Of a choice of shapes none of which fits: what is wrong with the one that fits best. */
function deepest(issue: Issue, path: readonly PropertyKey[] = []): Misfit {
  const here = [...path, ...issue.path]
  const misfit = { path: here, message: issue.message.replace(/^Invalid (?:input|option): /, '') }
  if (issue.code !== 'invalid_union') return misfit
  const branches = issue.errors.filter(branch => branch.length > 0)
  const best = branches.toSorted((a, b) => depthOf(b) - depthOf(a) || a.length - b.length)[0]?.[0]
  if (!best || depthOf([best]) === 0)
    return {
      ...misfit,
      message: branches.map(branch => deepest(branch[0] as Issue).message).join(' or ') || misfit.message,
    }
  return deepest(best, here)
}

const depthOf = (issues: readonly Issue[]): number => Math.max(...issues.map(({ path }) => path.length))
