import type { OpenworkError } from '../../shared/errors.ts'

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

export type Common = {
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
export type Present<O, T> = O extends { required: true } | { default: unknown } ? T : T | undefined

type Kind<T> = Pick<Flag, 'takes' | 'valueName' | 'schema'> &
  Partial<Pick<Flag, 'choices' | 'secret'>> & {
    shownDefault?: string | undefined
    fallback?: ((where: Where) => T) | undefined
    write?: (value: unknown) => string
    read(texts: readonly string[], where: Where): T
  }

/** A flag from what its owner says of it and what its kind is. */
export const flag = <O extends Common, T>(options: O, kind: Kind<T>): Flag<Present<O, T>> => ({
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

/** A kind with one value: of several given, the last counts. */
export const scalar = <T>(read: (text: string, where: Where) => T) => ({
  takes: 'value' as const,
  read: (texts: readonly string[], where: Where): T => read(texts.at(-1) ?? '', where),
})

/** `undefined` stays: a flag without a default has no fallback. */
export const constant = <T>(value: T | undefined): (() => T) | undefined =>
  value === undefined ? undefined : () => value

/** `a`, `a or b`, `a, b or c`. */
export const sentenceList = (items: readonly string[]): string =>
  items.length < 2 ? items.join() : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`
