import { type Common, constant, type Flag, flag, type Present, scalar, sentenceList, type Where } from './flag.ts'
import { nearest } from './nearest.ts'

const TRUE = new Set(['true', '1', 'yes', 'on'])
const FALSE = new Set(['false', '0', 'no', 'off'])

/** `--x`, `--no-x`, `--x=yes`; never takes the next word. */
export const bool = <const O extends Common & { default?: boolean }>(options: O): Flag<Present<O, boolean>> =>
  flag<O, boolean>(options, {
    ...scalar((text, where) => {
      const word = text.trim().toLowerCase()
      if (TRUE.has(word)) return true
      if (FALSE.has(word)) return false
      throw where.invalid('true or false (also 1/0, yes/no, on/off)', text)
    }),
    takes: 'nothing',
    valueName: '',
    schema: { type: 'boolean' },
    shownDefault: options.default ? 'on' : undefined,
    fallback: constant(options.default),
  })

/** One of `values`, in any case; `aliases` are further spellings of them that help does not list. */
export const enumeration = <
  const O extends Common & {
    values: readonly string[]
    default?: string
    aliases?: Readonly<Record<string, string>>
  },
>(
  options: O & { default?: O['values'][number]; aliases?: Readonly<Record<string, O['values'][number]>> },
): Flag<Present<O, O['values'][number]>> => {
  const spellings = new Map<string, O['values'][number]>()
  for (const value of options.values) spellings.set(value.toLowerCase(), value)
  for (const [alias, value] of Object.entries(options.aliases ?? {})) spellings.set(alias.toLowerCase(), value)
  const joined = options.values.join('|')
  return flag<O, O['values'][number]>(options, {
    ...scalar((given, where) => {
      const word = given.trim().toLowerCase()
      const value = spellings.get(word)
      if (value !== undefined) return value
      throw where.invalid(sentenceList(options.values), given, nearest(word, spellings.keys()))
    }),
    valueName: joined.length <= 24 ? joined : 'name',
    schema: { type: 'string', enum: options.values },
    choices: options.values,
    shownDefault: options.default,
    fallback: constant<O['values'][number]>(options.default),
  })
}

/** Separated by comma or semicolon, or a JSON array; a repeated flag adds to it. May be empty. */
export const list = <const O extends Common & { default?: readonly string[] }>(
  options: O,
): Flag<Present<O, readonly string[]>> =>
  flag<O, readonly string[]>(options, {
    takes: 'list',
    read: (texts, where) => texts.flatMap(given => listItems(given, where)),
    valueName: 'list',
    schema: { type: 'array', items: { type: 'string' } },
    shownDefault: options.default?.join(', ') || undefined,
    fallback: constant<readonly string[]>(options.default),
    write: JSON.stringify,
  })

function listItems(given: string, where: Where): string[] {
  if (!given.trimStart().startsWith('['))
    return given
      .split(/[,;]/)
      .map(item => item.trim())
      .filter(item => item !== '')
  const items = parseJson(given)
  if (Array.isArray(items) && items.every(item => typeof item === 'string')) return items
  throw where.invalid('a comma separated list, or a JSON array of strings', given)
}

function parseJson(given: string): unknown {
  try {
    return JSON.parse(given)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
