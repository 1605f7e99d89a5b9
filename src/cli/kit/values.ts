import { OpenworkError } from '../../shared/errors.ts'
import type { Source } from './context.ts'
import type { Command } from './define.ts'
import type { Flag, Flags, Where } from './flags.ts'
import type { Environment } from './io.ts'
import type { Setting, Settings } from './settings.ts'
import { flagName, kebab } from './table.ts'
import { shown, shownName } from './usage.ts'

type Surroundings = { readonly cwd: string; readonly home: string; readonly env: Environment }

type Given = {
  readonly texts: readonly string[] | undefined
  readonly surroundings: Surroundings
  readonly settings: Settings | undefined
}

export type Reading = {
  readonly value: unknown
  readonly source: Source
  /** The flag, or the variable or setting the value came from. */
  readonly label: string
}

/** Every flag's value: from the command line, else the first variable that is not blank, else the user's settings, else the default. */
export function readFlags(
  flags: Flags,
  texts: ReadonlyMap<string, readonly string[]>,
  surroundings: Surroundings,
  settings?: Settings,
): Map<string, Reading> {
  return new Map(
    Object.entries(flags).map(([key, flag]) => [
      key,
      readFlag(key, flag, { texts: texts.get(key), surroundings, settings }),
    ]),
  )
}

function readFlag(key: string, flag: Flag, { texts, surroundings, settings }: Given): Reading {
  const { cwd, env } = surroundings
  const name = flagName(key)
  const where = (label: string): Where => ({
    cwd,
    get home() {
      return surroundings.home
    },
    invalid: (expected, given, suggestion) => {
      const got = flag.secret ? '' : `, got ${shown(given)}`
      return new OpenworkError(
        'invalid_value',
        `${label}: expected ${expected}${got}`,
        suggestion === undefined ? {} : { hint: `Did you mean ${suggestion}?` },
      )
    },
  })
  if (texts) return { value: flag.read(texts, where(name)), source: 'flag', label: name }
  for (const variable of flag.env) {
    const text = env[variable]
    if (text === undefined || text.trim() === '') continue
    const value = flag.read([text], where(`${variable} (environment, for ${name})`))
    return { value, source: 'env', label: variable }
  }
  const setting = flag.perCall ? undefined : settings?.find(key, flag)
  if (setting) {
    const { label } = setting
    return { value: flag.read(setting.texts, settingPlace(setting, surroundings)), source: 'file', label }
  }
  if (flag.fallback) return { value: flag.fallback(where(name)), source: 'default', label: name }
  if (flag.required)
    throw new OpenworkError(
      'missing_flag',
      `Missing ${name} <${flag.valueName}>`,
      flag.env.length > 0 ? { hint: `It can also be set as ${flag.env.join(' or ')}.` } : {},
    )
  return { value: undefined, source: undefined, label: name }
}

/** Where a setting is read: its relative paths do not depend on the folder somebody is in. */
export const settingPlace = ({ cwd, invalid }: Setting, from: Pick<Surroundings, 'home'>): Where => ({
  cwd,
  get home() {
    return from.home
  },
  invalid,
})

/** Positional arguments by key. Throws `missing_argument` and `unexpected_argument`. */
export function readArguments(command: Command, words: readonly string[], called: string): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  const rest = [...words]
  for (const [key, argument] of Object.entries(command.args)) {
    if (rest.length === 0 && !argument.optional)
      throw new OpenworkError('missing_argument', `\`${called}\` needs <${kebab(key)}>: ${argument.summary}`)
    values[key] = argument.variadic ? rest.splice(0) : rest.shift()
  }
  const [extra] = rest
  if (extra === undefined) return values
  const most = Object.keys(command.args).length
  const takes = most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `at most ${most} arguments`
  throw new OpenworkError(
    'unexpected_argument',
    `Unexpected argument ${shownName(extra)}: \`${called}\` takes ${takes}`,
  )
}
