/** Why a value has not the shape that opencode asks for, and where in it. Never says the value: it may be a key. */
export type Misfit = { path: readonly PropertyKey[]; message: string }

export type ConfigShape = (value: unknown) => Misfit[]

type JsonObject = Readonly<Record<string, unknown>>

/**
 * A check of opencode's own JSON schema for its settings, of which everything is understood that opencode 1.18.33 says in
 * it. What is not is let through: no check is better than one that keeps a good config from being taken up. Keys that the
 * schema does not know are fine, as they are for opencode. Not zod: what it makes of the schema takes 24 MB.
 */
export const configShape = (schema: unknown): ConfigShape => {
  const definitions = isObject(schema) && isObject(schema.$defs) ? schema.$defs : {}
  return value => misfitsOf(value, schema, definitions)
}

function misfitsOf(value: unknown, schema: unknown, definitions: JsonObject): Misfit[] {
  if (!isObject(schema)) return []
  const message = mistakeIn(value, schema)
  if (message !== undefined) return [{ path: [], message }]
  const target = /^#\/\$defs\/(.+)$/.exec(String(schema.$ref))?.[1]
  const allOf = [...list(schema.allOf), ...(target === undefined ? [] : [definitions[target]])]
  return [
    ...allOf.flatMap(each => misfitsOf(value, each, definitions)),
    ...missingIn(value, schema),
    ...partsOf(value, schema).flatMap(part => misfitsIn(part, definitions)),
    ...misfitsOfChoice(value, list(schema.anyOf ?? schema.oneOf), definitions),
  ]
}

/** What is wrong with the value itself, whatever is in it. */
function mistakeIn(value: unknown, schema: JsonObject): string | undefined {
  const allowed = 'const' in schema ? [schema.const] : list(schema.enum)
  if (allowed.length > 0 && !allowed.includes(value)) {
    const values = allowed.map(each => JSON.stringify(each)).join('|')
    return allowed.length > 1 ? `expected one of ${values}` : `expected ${values}`
  }
  const { type } = schema
  const isOfType = typeof type === 'string' && Object.hasOwn(IS_OF_TYPE, type) ? IS_OF_TYPE[type] : undefined
  if (isOfType && !isOfType(value)) return `expected ${type}, received ${kindOf(value)}`
  return beyondLimit(value, schema)
}

function beyondLimit(value: unknown, schema: JsonObject): string | undefined {
  const is = (key: string, isFine: (limit: number) => boolean): boolean =>
    typeof schema[key] !== 'number' || isFine(schema[key])
  if (typeof value === 'number') {
    if (!is('minimum', limit => value >= limit)) return `expected ${schema.minimum} or more`
    if (!is('maximum', limit => value <= limit)) return `expected ${schema.maximum} or less`
    if (!is('exclusiveMinimum', limit => value > limit)) return `expected more than ${schema.exclusiveMinimum}`
    if (!is('exclusiveMaximum', limit => value < limit)) return `expected less than ${schema.exclusiveMaximum}`
  }
  if (Array.isArray(value)) {
    if (!is('minItems', limit => value.length >= limit)) return `expected ${schema.minItems} items or more`
    if (!is('maxItems', limit => value.length <= limit)) return `expected ${schema.maxItems} items or less`
  }
  if (typeof value === 'string' && typeof schema.pattern === 'string' && !isLike(value, schema.pattern))
    return `expected text like ${schema.pattern}`
  return undefined
}

function isLike(value: string, pattern: string): boolean {
  try {
    return new RegExp(pattern).test(value)
  } catch {
    return true // in a dialect that we do not know
  }
}

type Part = { key: string | number; value: unknown; schema: unknown }

function partsOf(value: unknown, schema: JsonObject): Part[] {
  if (Array.isArray(value)) {
    const first = list(schema.prefixItems)
    return value.map((item, key) => ({ key, value: item, schema: key < first.length ? first[key] : schema.items }))
  }
  if (!isObject(value)) return []
  const properties = isObject(schema.properties) ? schema.properties : {}
  return Object.entries(value).map(([key, each]) => ({
    key,
    value: each,
    schema: Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties,
  }))
}

const missingIn = (value: unknown, { required }: JsonObject): Misfit[] =>
  list(required)
    .filter(key => typeof key === 'string' && isObject(value) && !Object.hasOwn(value, key))
    .map(key => ({ path: [String(key)], message: 'is missing' }))

const misfitsIn = ({ key, value, schema }: Part, definitions: JsonObject): Misfit[] =>
  misfitsOf(value, schema, definitions).map(({ path, message }) => ({ path: [key, ...path], message }))

/** Of a choice of shapes none of which fits: what is wrong with the one that fits best. */
function misfitsOfChoice(value: unknown, choice: readonly unknown[], definitions: JsonObject): Misfit[] {
  const branches = choice.map(schema => misfitsOf(value, schema, definitions))
  if (branches.length === 0 || branches.some(misfits => misfits.length === 0)) return []
  const best = branches.toSorted((a, b) => depthOf(b) - depthOf(a) || a.length - b.length)[0] ?? []
  if (depthOf(best) > 0) return best
  return [{ path: [], message: [...new Set(branches.flat().map(({ message }) => message))].join(' or ') }]
}

const depthOf = (misfits: readonly Misfit[]): number => Math.max(...misfits.map(({ path }) => path.length))

const IS_OF_TYPE: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: value => isObject(value),
  array: value => Array.isArray(value),
  string: value => typeof value === 'string',
  number: value => typeof value === 'number',
  integer: value => Number.isInteger(value),
  boolean: value => typeof value === 'boolean',
  null: value => value === null,
}

/** YAML has dates, too. */
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return value instanceof Date ? 'Date' : typeof value
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
