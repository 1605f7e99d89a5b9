import type { z } from 'zod'
import { type FailureCode, OpenworkError } from '../shared/errors.ts'

/**
 * The value as the schema makes it. Throws `invalid_payload` with the issues found; `codes` names another code for an
 * issue in one field.
 */
export function validate<Value>(
  value: unknown,
  schema: z.ZodType<Value>,
  codes: Readonly<Record<string, FailureCode>> = {},
): Value {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
  const [first] = issues
  const code = (first && codes[first.path]) ?? 'invalid_payload'
  throw new OpenworkError(code, first?.path ? `${first.path}: ${first.message}` : (first?.message ?? 'Invalid'), {
    details: { issues },
  })
}

/** The query's fields as texts, validated; of a repeated one the last counts. Throws `invalid_payload`. */
export const validateQuery = <Query>(search: string, schema: z.ZodType<Query>): Query =>
  validate(Object.fromEntries(new URLSearchParams(search)), schema)
