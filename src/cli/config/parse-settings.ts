import { dirname, isAbsolute } from 'node:path'
import type { Node } from 'jsonc-parser'
import { OpenworkError } from '../../shared/errors.ts'
import { jsonMistake } from '../../shared/jsonc.ts'
import type { Command } from '../kit/define.ts'
import type { Flag, Flags, JsonSchema } from '../kit/flags.ts'
import { nearest } from '../kit/nearest.ts'
import type { Setting, Settings } from '../kit/settings.ts'
import { kebab } from '../kit/table.ts'
import { shown, shownName } from '../kit/usage.ts'
import type { SettingsFile } from './settings-file.ts'

/** A key of the file with its value, and where they are. */
export type Entry = { readonly name: string; readonly key: Node; readonly value: Node }

/** A file of settings, its keys sorted out, its values not looked at. */
export type ParsedSettings = {
  readonly file: SettingsFile
  readonly top: readonly Entry[]
  /** Of `commands`, by the path of the command. */
  readonly sections: readonly (Entry & { readonly entries: readonly Entry[] })[]
}

/** The key for editors. */
export const SCHEMA_KEY = '$schema'
export const SECTIONS_KEY = 'commands'

/** @throws OpenworkError user_config_invalid when it is not an object of this shape */
export async function parseSettings(file: SettingsFile): Promise<ParsedSettings> {
  const { parseTree, printParseErrorCode } = await import('jsonc-parser')
  const errors: import('jsonc-parser').ParseError[] = []
  const root = shallow(file, () => parseTree(file.text, errors, { allowTrailingComma: true, allowEmptyContent: true }))
  const [first] = errors
  if (first) throw invalid(file, first.offset, `not JSON: ${jsonMistake(printParseErrorCode(first.error))}`)
  if (!root) return { file, top: [], sections: [] }
  if (root.type !== 'object') throw invalid(file, root.offset, `expected an object, got ${written(root)}`)
  const all = entriesOf(file, root)
  const commands = all.find(({ name }) => name === SECTIONS_KEY)
  if (commands && commands.value.type !== 'object')
    throw invalid(file, commands.value.offset, `${SECTIONS_KEY}: expected an object, got ${written(commands.value)}`)
  const sections = (commands ? entriesOf(file, commands.value) : []).map(section => {
    if (section.value.type === 'object') return { ...section, entries: entriesOf(file, section.value) }
    const { name, value } = section
    throw invalid(file, value.offset, `${SECTIONS_KEY}.${shown(name)}: expected an object, got ${written(value)}`)
  })
  return { file, top: all.filter(({ name }) => name !== SECTIONS_KEY && name !== SCHEMA_KEY), sections }
}

/** Brackets within brackets without end are more than the stack of the parser holds. */
function shallow<T>(file: SettingsFile, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalid(file, 0, 'brackets are nested too deeply')
  }
}

function entriesOf(file: SettingsFile, object: Node): Entry[] {
  const entries = (object.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? []
    return key && value ? [{ name: String(key.value), key, value }] : []
  })
  const names = new Set<string>()
  const twice = entries.find(({ name }) => names.size === names.add(name).size)
  if (twice) throw invalid(file, twice.key.offset, `${shownName(twice.name)} is given twice`)
  return entries
}

/** What the file says for one command; a section counts before the rest. Values are checked as they are asked for. */
export function settingsFor(parsed: ParsedSettings, command: Pick<Command, 'path' | 'flags'>): Settings {
  const section = parsed.sections.find(({ name }) => name === command.path)
  for (const entry of section?.entries ?? []) requireSettable(parsed.file, entry, command)
  return {
    find(key, flag) {
      const name = kebab(key)
      const own = section?.entries.find(entry => entry.name === name)
      const entry = own ?? parsed.top.find(entry => entry.name === name)
      return entry && settingOf(parsed.file, entry, flag)
    },
  }
}

/** @throws OpenworkError user_config_invalid for a key that is no setting of the command */
export function requireSettable(
  file: SettingsFile,
  { name, key }: Entry,
  { path, flags }: Pick<Command, 'path' | 'flags'>,
) {
  const flag = flagOf(flags, name)
  if (flag && !flag.perCall) return
  if (flag) throw notSettable(file, key, name)
  throw unknownKey(file, { name, key }, settableNames(flags), ` of \`${path}\``)
}

export const flagOf = (flags: Flags, name: string): Flag | undefined =>
  Object.entries(flags).find(([key]) => kebab(key) === name)?.[1]

export const settableNames = (flags: Flags): string[] =>
  Object.entries(flags).flatMap(([key, flag]) => (flag.perCall || flag.hidden ? [] : [kebab(key)]))

export const notSettable = (file: SettingsFile, key: Node, name: string): OpenworkError =>
  invalid(
    file,
    key.offset,
    `${name} is no setting: it says what one call is to do`,
    `Pass --${name} where you mean it.`,
  )

export function unknownKey(
  file: SettingsFile,
  { name, key }: Pick<Entry, 'name' | 'key'>,
  names: readonly string[],
  of = '',
): OpenworkError {
  const close = nearest(name, names)
  const hint = close ? `Did you mean ${close}?` : '`openwork help configuration` tells what can be set.'
  return invalid(file, key.offset, `${shownName(name)} is no setting${of}`, hint)
}

const EXPECTED: Readonly<Record<JsonSchema['type'], string>> = {
  boolean: 'true or false',
  integer: 'a number',
  string: 'a text in double quotes',
  array: 'a list of texts in brackets',
}

/** @throws OpenworkError user_config_invalid, user_config_unusable for a secret that others can read */
export function settingOf(file: SettingsFile, { name, value }: Entry, flag: Flag): Setting {
  const refuse = (expected: string, given: string, suggestion?: string): OpenworkError =>
    invalid(
      file,
      value.offset,
      `${name}: expected ${expected}${flag.secret ? '' : `, got ${given}`}`,
      suggestion === undefined ? undefined : `Did you mean ${suggestion}?`,
    )
  const { type } = flag.schema
  const items = value.type === 'array' ? (value.children ?? []) : undefined
  const isOfType =
    type === 'integer' ? value.type === 'number' : items ? items.every(item => item.type === 'string') : true
  if (!isOfType || (type !== 'integer' && value.type !== type)) throw refuse(EXPECTED[type], written(value))
  if (flag.secret && file.exposure !== undefined)
    throw new OpenworkError('user_config_unusable', `${file.path} holds a secret, ${name}, and ${file.exposure}`, {
      hint: `Run \`chmod 600 ${file.path}\`; who could read it until now may know the secret.`,
    })
  const text = items ? JSON.stringify(items.map(item => item.value)) : String(value.value)
  // From wherever openwork is called such a path would mean another program, one of a strange project among them.
  if (name.endsWith('-bin') && /[/\\]/.test(text) && !isAbsolute(text) && !text.startsWith('~'))
    throw refuse('an absolute path, or the name of a program on PATH', written(value))
  return {
    texts: [text],
    label: `${name} in ${file.path}`,
    cwd: dirname(file.path),
    invalid: (expected, given, suggestion) => refuse(expected, shown(given), suggestion),
  }
}

function written(node: Node): string {
  if (node.type === 'object' || node.type === 'array') return node.type === 'array' ? 'a list' : 'an object'
  return node.type === 'string' ? shown(String(node.value)) : String(node.value)
}

function invalid(file: SettingsFile, offset: number, what: string, hint?: string): OpenworkError {
  const before = file.text.slice(0, offset).split('\n')
  const line = before.length
  const column = (before.at(-1)?.length ?? 0) + 1
  return new OpenworkError('user_config_invalid', `${file.path}:${line}:${column}: ${what}`, {
    ...(hint !== undefined && { hint }),
    details: { file: file.path, line, column },
  })
}
