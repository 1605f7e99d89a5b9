import { byteCount } from '../../shared/byte-count.ts'
import { type Common, constant, type Flag, flag, type Present, scalar } from './flag.ts'

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
