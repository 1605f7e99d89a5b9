import type { Secret } from '../shared/secret.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * What of our own environment no child may see: our tokens and settings (the agent's shell could approve its own
 * writes with them), and what would make a Bun or Node program load foreign code.
 */
const NEVER_INHERITED =
  /^(?:OPENWORK|OPENWRK|DEN)_|^OPENWORK$|^OPENCODE_(?:SERVER|ROUTER|HOT_RELOAD)|^OPENCODE_CLIENT$|^BUN_|^NODE_OPTIONS$|^NODE_CHANNEL_/i

/** What our own programs need of the user's environment; everything else stays out. */
const INHERITED_BY_OWN_PROGRAMS =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TEMP|TMP|LANG|LANGUAGE|LC_\w+|TZ|XDG_\w+|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|HOMEDRIVE|HOMEPATH|OTEL_\w+|HTTPS?_PROXY|ALL_PROXY|NO_PROXY|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|OPENCODE_(?:DB|CHANNEL|DISABLE_CHANNEL_DB)|OPENWORK_(?:LOG_REQUESTS|INBOX_\w+|OUTBOX_\w+|TOY_UI|BROWSER_PROVIDER|PUBLISHER_\w+|DEBUG_\w+))$/i

/** The user's environment as the agent may have it: everything but our own secrets and code-loading hooks. */
export const agentEnvironment = (env: Environment): Record<string, string> =>
  keep(env, name => !NEVER_INHERITED.test(name))

/** The user's environment for a program of ours: the few variables it reads. */
export const ownProgramEnvironment = (env: Environment): Record<string, string> =>
  keep(env, name => INHERITED_BY_OWN_PROGRAMS.test(name))

/** `OTEL_RESOURCE_ATTRIBUTES` of a child: what was inherited, then which service of which run it is. */
export function resourceAttributes(inherited: string | undefined, service: string, runId: string): string {
  const own = { 'service.name': service, 'service.instance.id': runId }
  const pairs = Object.entries(own).map(([key, value]) => `${key}=${value.replaceAll(',', ';')}`)
  const kept = (inherited ?? '')
    .split(',')
    .map(pair => pair.trim())
    .filter(pair => pair.includes('=') && !(pair.slice(0, pair.indexOf('=')).trim() in own))
  return [...kept, ...pairs].join(',')
}

/** Only the entries that have a value. */
export function defined(env: Readonly<Record<string, string | Secret | undefined>>): Record<string, string | Secret> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string | Secret] => !!entry[1]))
}

function keep(env: Environment, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && wanted(entry[0])),
  )
}
