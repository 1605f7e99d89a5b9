import { resolve } from 'node:path'
import { byteCount } from '../../shared/byte-count.ts'
import type { OpenworkError } from '../../shared/errors.ts'
import { Secret, secret as toSecret } from '../../shared/secret.ts'
import { nearest } from './nearest.ts'

/** Where a value is read: what it may depend on, and how to refuse it. */
export type Where = {
  readonly cwd: string
  readonly home: string
  /** The failure to throw for a value; `expected` completes "expected …". Knows the flag or variable it came from. */
  invalid(expected: string, given: string, suggestion?: string): OpenworkError
}

export type JsonSchema = { readonly type: 'boolean' | 'string' | 'integer' | 'array' } & Readonly<
  Record<string, unknown>
>

/** One flag, described once: parsing, validation, help, completions and the reference page all read this. */
export type Flag<T = unknown> = {
  readonly takes: 'nothing' | 'value' | 'list'
  readonly summary: string
  /** Environment variables asked in this order when the flag is not given. */
  readonly env: readonly string[]
  readonly required: boolean
  readonly hidden: boolean
  readonly secret: boolean
  /** It says what one call is to do, so no file of settings may hold it. */
  readonly perCall: boolean
  /** JSON Schema of its value in a file of settings. */
  readonly schema: JsonSchema
  /** Heading in help. */
  readonly group: string | undefined
  readonly short: string | undefined
  /** What stands for the value in help: `<valueName>`. */
  readonly valueName: string
  readonly choices: readonly string[] | undefined
  readonly defaultText: string | undefined
  readonly fallback: ((where: Where) => unknown) | undefined
  /** All texts given for it, in order, at least one. Throws `invalid_value`. */
  read(texts: readonly string[], where: Where): T
  /** A text that is read as this value again, in any folder: for passing it on to another process. */
  write(value: unknown): string
}

export type Flags = Readonly<Record<string, Flag>>

/** What `run` gets for a table of flags. */
export type ValuesOf<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

type Common = {
  /** One line, without a full stop. */
  summary: string
  env?: string | readonly string[]
  required?: true
  hidden?: true
  perCall?: true
  group?: string
  /** One letter. */
  short?: string
  valueName?: string
  /** Shown in help as the default, where the value itself would say less: "the current folder". */
  defaultText?: string
}

/** Without a default, and not required, a value may be missing. */
type Present<O, T> = O extends { required: true } | { default: unknown } ? T : T | undefined

type Kind<T> = Pick<Flag, 'takes' | 'valueName' | 'schema'> &
  Partial<Pick<Flag, 'choices' | 'secret'>> & {
    shownDefault?: string | undefined
    fallback?: ((where: Where) => T) | undefined
    write?: (value: unknown) => string
    read(texts: readonly string[], where: Where): T
  }

const flag = <O extends Common, T>(options: O, kind: Kind<T>): Flag<Present<O, T>> => ({
  takes: kind.takes,
  summary: options.summary,
  env: typeof options.env === 'string' ? [options.env] : (options.env ?? []),
  required: options.required ?? false,
  hidden: options.hidden ?? false,
  secret: kind.secret ?? false,
  perCall: options.perCall ?? false,
  schema: kind.schema,
  group: options.group,
  short: options.short,
  valueName: options.valueName ?? kind.valueName,
  choices: kind.choices,
  defaultText: options.defaultText ?? kind.shownDefault,
  fallback: kind.fallback,
  read: (texts, where) => kind.read(texts, where) as Present<O, T>,
  write: kind.write ?? String,
})

const TEXT: JsonSchema = { type: 'string', minLength: 1 }

/** A kind with one value: of several given, the last counts. */
const scalar = <T>(read: (text: string, where: Where) => T) => ({
  takes: 'value' as const,
  read: (texts: readonly string[], where: Where): T => read(texts.at(-1) ?? '', where),
})

/** `undefined` stays: a flag without a default has no fallback. */
const constant = <T>(value: T | undefined): (() => T) | undefined => (value === undefined ? undefined : () => value)

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

/** Text as it was typed. Blank text is refused unless `allowEmpty`. */
export const text = <const O extends Common & { default?: string; allowEmpty?: true }>(
  options: O,
): Flag<Present<O, string>> =>
  flag<O, string>(options, {
    ...scalar((given, where) => {
      if (given.trim() === '' && !options.allowEmpty) throw where.invalid('some text', given)
      return given
    }),
    valueName: 'text',
    schema: options.allowEmpty ? { type: 'string' } : TEXT,
    shownDefault: options.default || undefined,
    fallback: constant(options.default),
  })

/** A token or password. Its value is never shown: not in help, not in failures. */
export const secret = <const O extends Common>(options: O): Flag<Present<O, Secret>> =>
  flag<O, Secret>(options, {
    ...scalar((given, where) => {
      if (given.trim() === '') throw where.invalid('a value that is not empty', given)
      if (/[\x00-\x1f\x7f]/.test(given)) throw where.invalid('a value without control characters', given)
      return toSecret(given)
    }),
    valueName: 'secret',
    schema: TEXT,
    secret: true,
    write: value => (value instanceof Secret ? value.reveal() : String(value)),
  })

/** A TCP port; 0 asks for any free one and may be ruled out by `allowZero: false`. */
export const port = <const O extends Common & { default?: number; allowZero?: boolean }>(
  options: O,
): Flag<Present<O, number>> => {
  const min = options.allowZero === false ? 1 : 0
  return flag<O, number>(options, {
    ...scalar((given, where) => {
      const value = wholeNumber(given)
      if (value !== undefined && value >= min && value <= 65_535) return value
      throw where.invalid(`a port from ${min} to 65535${min === 0 ? ' (0 = any free one)' : ''}`, given)
    }),
    valueName: 'port',
    schema: { type: 'integer', minimum: min, maximum: 65_535 },
    shownDefault: options.default === undefined ? undefined : String(options.default),
    fallback: constant(options.default),
  })
}

/** A whole number, from 0 on unless `min` says otherwise. `unit` is for people: `ms`, `seconds`. */
export const integer = <const O extends Common & { default?: number; min?: number; max?: number; unit?: string }>(
  options: O,
): Flag<Present<O, number>> => {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, unit } = options
  const range = options.max === undefined ? `${min} or more` : `from ${min} to ${max}`
  return flag<O, number>(options, {
    ...scalar((given, where) => {
      const value = wholeNumber(given)
      if (value !== undefined && value >= min && value <= max) return value
      throw where.invalid(`a whole number, ${range}${unit ? `, in ${unit}` : ''}`, given)
    }),
    valueName: unit ?? 'n',
    schema: { type: 'integer', minimum: min, ...(options.max !== undefined && { maximum: max }) },
    shownDefault: options.default === undefined ? undefined : `${options.default}${unit ? ` ${unit}` : ''}`,
    fallback: constant(options.default),
  })
}

const wholeNumber = (given: string): number | undefined => {
  const value = /^[+-]?\d+$/.test(given.trim()) ? Number(given) : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}

const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time in milliseconds, typed with its unit: `90s`, `15m`, `1.5h`. `never` is what 0 means; without it 0 is refused. */
export const duration = <const O extends Common & { default?: number; minMs: number; maxMs: number; never?: string }>(
  options: O,
): Flag<Present<O, number>> => {
  const { minMs, maxMs, never } = options
  const expected = `a time from ${shownTime(minMs)} to ${shownTime(maxMs)}, such as 90s, 15m or 1h${never ? `; 0 for ${never}` : ''}`
  return flag<O, number>(options, {
    ...scalar((given, where) => {
      const value = withUnit(given, TIME_UNITS)
      if (value === 0 && never !== undefined) return 0
      if (value !== undefined && value >= minMs && value <= maxMs) return value
      throw where.invalid(expected, given)
    }),
    valueName: 'time',
    schema: {
      type: 'string',
      pattern: `^(\\d+(\\.\\d+)?\\s*(${Object.keys(TIME_UNITS).join('|')})${never ? '|0' : ''})$`,
    },
    shownDefault: options.default === undefined ? undefined : shownTime(options.default),
    fallback: constant(options.default),
    write: value => `${value}ms`,
  })
}

function shownTime(ms: number): string {
  const [unit = 'ms', size = 1] = Object.entries(TIME_UNITS).findLast(([, size]) => ms > 0 && ms % size === 0) ?? []
  return `${ms / size}${unit}`
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  b: 1,
  ...Object.fromEntries(['k', 'm', 'g', 't'].flatMap((unit, index) => sizesOf(unit, index + 1))),
}

function sizesOf(unit: string, power: number): [string, number][] {
  return [
    [unit, 1_000 ** power],
    [`${unit}b`, 1_000 ** power],
    [`${unit}ib`, 1_024 ** power],
  ]
}

/** An amount of memory or disk in bytes, typed with its unit: `512MB`, `2GB`, `1.5GiB`. */
export const byteSize = <const O extends Common & { min: number }>(options: O): Flag<Present<O, number>> =>
  flag<O, number>(options, {
    ...scalar((given, where) => {
      const value = withUnit(given, SIZE_UNITS)
      if (value !== undefined && value >= options.min) return value
      throw where.invalid(`a size such as 512MB, 2GB or 1.5GiB, at least ${byteCount(options.min)}`, given)
    }),
    valueName: 'size',
    schema: { type: 'string', pattern: '^\\d+(\\.\\d+)?\\s*([kKmMgGtT]?[bB]|[kKmMgGtT]([iI]?[bB])?)$' },
    write: value => `${value}b`,
  })

/** A number and its unit; a bare 0 needs none. */
function withUnit(given: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(given.trim()) ?? []
  if (number === undefined) return undefined
  const size = unit === '' && Number(number) === 0 ? 1 : units[unit.toLowerCase()]
  const value = size === undefined ? undefined : Math.round(Number(number) * size)
  return Number.isSafeInteger(value) ? value : undefined
}

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

/** An absolute path: `~/` expanded, the rest resolved against the current folder. Nothing is touched on disk. */
export const path = <const O extends Common & { default?: string }>(options: O): Flag<Present<O, string>> => {
  const absolute = (given: string, where: Where): string => {
    if (given.trim() === '' || given.includes('\0')) throw where.invalid('a path', given)
    return resolve(
      where.cwd,
      given.replace(/^~(?=$|[/\\])/, () => where.home),
    )
  }
  const { default: fallback } = options
  return flag<O, string>(options, {
    ...scalar(absolute),
    valueName: 'path',
    schema: TEXT,
    shownDefault: fallback,
    fallback: fallback === undefined ? undefined : where => absolute(fallback, where),
  })
}

/** An absolute URL, without slashes at its end so that `${url}/health` is right. `protocols` default to http and https. */
export const url = <const O extends Common & { default?: string; protocols?: readonly string[] }>(
  options: O,
): Flag<Present<O, string>> => {
  const protocols = options.protocols ?? ['http', 'https']
  return flag<O, string>(options, {
    ...scalar((given, where) => {
      const parsed = URL.canParse(given.trim()) ? new URL(given.trim()) : undefined
      const isComplete = parsed && (parsed.host !== '' || parsed.protocol === 'file:')
      if (parsed && isComplete && protocols.includes(parsed.protocol.slice(0, -1)))
        return parsed.search || parsed.hash ? parsed.href : parsed.href.replace(/\/+$/, '')
      const shown = given.replace(/\/\/[^/]*@/, '//***@') // may carry a password
      throw where.invalid(`a URL that begins with ${sentenceList(protocols.map(name => `${name}://`))}`, shown)
    }),
    valueName: 'url',
    schema: { type: 'string', format: 'uri' },
    shownDefault: options.default,
    fallback: constant(options.default),
  })
}

/** `a`, `a or b`, `a, b or c`. */
const sentenceList = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`
