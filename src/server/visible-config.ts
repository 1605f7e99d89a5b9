import type { Scope } from '../api/tokens.ts'
import { REDACTED, Redactor } from '../shared/redact.ts'

/** Their values are secrets as often as not: headers of MCP servers and providers, variables of local MCP servers. */
const MASKED_WHOLE = new Set(['headers', 'environment', 'env'])

/** Settings as a caller may see them: viewers get no keys, tokens or headers. Collaborators work with them anyway. */
export function visibleConfig<Settings extends Record<string, unknown>>(scope: Scope, settings: Settings): Settings {
  if (scope !== 'viewer') return settings
  return new Redactor().value(masked(settings)) as Settings
}

function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      MASKED_WHOLE.has(key.toLowerCase()) ? hide(inner) : masked(inner),
    ]),
  )
}

/** The names stay, so that it can be seen what is set. */
const hide = (value: unknown): unknown =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.keys(value).map(key => [key, REDACTED]))
    : REDACTED
