import mri from 'mri'
import { OpenworkError } from '../../shared/errors.ts'
import { type FlagTable, flagName, isDashed, kebab, withoutValue } from './table.ts'
import { missingValue } from './usage.ts'

export type Parsed = {
  /** What is neither a flag nor the value of one. */
  readonly words: readonly string[]
  /** By flag key: every text given, in order. Booleans arrive as text too. */
  readonly texts: ReadonlyMap<string, readonly string[]>
}

/**
 * Splits a command line by the flags of one command. The first flag that is not in the table comes back as
 * `unknownFlag`, without its value. Throws `missing_value`, and `invalid_value` for `--no-switch=yes`.
 */
export function parseArgv(argv: readonly string[], table: FlagTable): Parsed | { readonly unknownFlag: string } {
  const prepared = prepare(argv, table)
  if ('unknownFlag' in prepared) return prepared
  const keys = Object.keys(table.flags)
  const found = mri([...prepared.flags, '--', ...prepared.words], { string: keys.map(kebab) })
  const texts = new Map<string, string[]>()
  for (const key of keys) {
    const name = kebab(key)
    if (Object.hasOwn(found, name)) texts.set(key, [found[name]].flat().map(unglue))
  }
  return { words: found._, texts }
}

/**
 * Brings a command line into the form that mri cannot misread: flags first, every value glued to its flag, words
 * behind `--`. By itself mri 1.2.0 drops empty values, values that begin with a dash and a lone dash, gives the word
 * after a switch to the switch, takes `--no-x` for any flag, and reads `-json` letter by letter.
 */
function prepare(
  argv: readonly string[],
  table: FlagTable,
): { flags: string[]; words: string[] } | { unknownFlag: string } {
  const flags: string[] = []
  const words: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] ?? ''
    if (arg === '--') return { flags, words: [...words, ...argv.slice(index + 1)] }
    if (!isDashed(arg)) {
      words.push(arg)
      continue
    }
    const match = table.match(arg)
    if (!match) return { unknownFlag: withoutValue(arg) }
    const next = argv[index + 1]
    const { key, name, flag, text, negated } = match
    if (negated && text !== undefined)
      throw new OpenworkError('invalid_value', `--no-${name} takes no value; write ${flagName(key)}=true or =false`)
    if (flag.takes === 'nothing') flags.push(glue(name, text ?? String(!negated)))
    else if (text !== undefined) flags.push(glue(name, text))
    else if (table.takesNext(match, next)) {
      flags.push(glue(name, next))
      index += 1
    } else throw missingValue(name, flag.valueName)
  }
  return { flags, words }
}

/** The second `=` belongs to the value and is taken off again: mri ends a name at the first one and drops an empty value. */
const glue = (name: string, text: string): string => `--${name}==${text}`

const unglue = (text: unknown): string => String(text).slice(1)
