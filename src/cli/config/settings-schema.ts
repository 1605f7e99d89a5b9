import type { Program } from '../kit/define.ts'
import type { Flag, Flags, JsonSchema } from '../kit/flags.ts'
import { kebab } from '../kit/table.ts'
import { loadAll } from './check-settings.ts'
import { SCHEMA_KEY, SECTIONS_KEY } from './parse-settings.ts'

type Properties = Record<string, unknown>

/** JSON Schema of a file of settings, from the flags of all commands. */
export async function settingsSchema(program: Pick<Program, 'commands' | 'name'>): Promise<Properties> {
  const commands = (await loadAll(program)).filter(({ hidden }) => !hidden)
  const everywhere = new Map<string, Flag[]>()
  for (const { flags } of commands)
    for (const [key, flag] of settable(flags)) everywhere.set(key, [...(everywhere.get(key) ?? []), flag])
  const sections = commands.flatMap(({ path, summary, flags }) => {
    const own = settable(flags)
    if (own.length === 0) return []
    const properties = Object.fromEntries(own.map(([key]) => [key, { $ref: `#/properties/${key}` }]))
    return [[path, { type: 'object', description: summary, properties, additionalProperties: false }]]
  })
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    // A name, no place: it is wherever somebody has put it.
    $id: `urn:${program.name}:settings`,
    title: `Settings of ${program.name}`,
    type: 'object',
    properties: {
      [SCHEMA_KEY]: { type: 'string' },
      ...Object.fromEntries([...everywhere].map(([key, flags]) => [key, property(flags)])),
      [SECTIONS_KEY]: {
        type: 'object',
        description: 'Settings of single commands; they count there before those for all',
        properties: Object.fromEntries(sections),
        additionalProperties: false,
      },
    },
    additionalProperties: false,
  }
}

const settable = (flags: Flags): [string, Flag][] =>
  Object.entries(flags).flatMap(([key, flag]) => (flag.perCall || flag.hidden ? [] : [[kebab(key), flag]]))

/** Commands whose flags of one name differ, in what they take or are called for, allow what any of them allows. */
function property(flags: readonly Flag[]): Properties {
  const schemas = new Map<string, JsonSchema>(flags.map(({ schema }) => [JSON.stringify(schema), schema]))
  const [first, ...others] = schemas.values()
  const [flag] = flags
  const defaults = new Set(flags.map(({ defaultText }) => defaultText))
  const fallback = defaults.size === 1 && flag?.defaultText ? ` (default: ${flag.defaultText})` : ''
  const description = `${flag?.summary ?? ''}${fallback}`
  return others.length === 0 ? { description, ...first } : { description, anyOf: [first, ...others] }
}
