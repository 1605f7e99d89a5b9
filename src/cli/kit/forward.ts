import type { Context } from './context.ts'
import type { Flags } from './flags.ts'
import { flagName } from './table.ts'

/** What another process has to be given. */
export type Forwarded = { args: string[]; env: Record<string, string> }

/**
 * The flags that were given here, by whatever way, so that another process reads the same values, in another folder too.
 * In its environment where they have a variable: arguments can be seen by every user of the machine, and secrets, or URLs
 * with a password, are among the values. The user's settings are among what was given here: it must not read them itself,
 * as those of another command.
 */
export function forwardFlags(
  flags: Flags,
  values: Readonly<Record<string, unknown>>,
  source: Context['source'],
): Forwarded {
  const forwarded: Forwarded = { args: [], env: { OPENWORK_CONFIG: 'off' } }
  for (const [key, flag] of Object.entries(flags)) {
    const value = values[key]
    if (value === undefined || source(key) === 'default') continue
    const [variable] = flag.env
    if (variable !== undefined) forwarded.env[variable] = flag.write(value)
    else forwarded.args.push(`${flagName(key)}=${flag.write(value)}`)
  }
  return forwarded
}
