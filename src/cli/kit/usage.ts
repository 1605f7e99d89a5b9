import { OpenworkError } from '../../shared/errors.ts'
import { likely, nearest } from './nearest.ts'
import { withoutValue } from './table.ts'

const MAX_SHOWN = 80
/** More names than this are not listed. */
const MAX_NAMED = 10

/** What somebody typed, safe to show: quoted, on one line, not endless. */
export const shown = (given: string): string =>
  JSON.stringify(given.length > MAX_SHOWN ? `${given.slice(0, MAX_SHOWN)}…` : given).replaceAll(
    /[\x7f-\x9f\u2028\u2029]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** The same without quotes where there is nothing to guard: names of flags and commands. */
export const shownName = (name: string): string => (/^[\w./:@-]{1,80}$/.test(name) ? name : shown(name))

export const unknownFlag = (options: {
  arg: string
  /** How the command is called: `openwork status`. */
  command: string
  /** Flag names without dashes. */
  names: readonly string[]
  /** Other commands that take it. */
  takenBy: readonly string[]
}): OpenworkError => {
  const { command, names, takenBy } = options
  const flag = withoutValue(options.arg)
  if (takenBy.length > 0)
    return new OpenworkError('unknown_flag', `\`${command}\` does not take ${shownName(flag)}`, {
      hint: `It is a flag of ${some(takenBy)}.`,
    })
  return new OpenworkError('unknown_flag', `Unknown flag ${shownName(flag)} for \`${command}\``, {
    hint: didYouMean(flag, names) ?? `See \`${command} --help\`.`,
  })
}

function didYouMean(flag: string, names: readonly string[]): string | undefined {
  const bare = flag.replace(/^-+/, '')
  if (flag.length === 2 || /^-\d/.test(flag)) return 'Put `--` before words that begin with a dash.'
  const positive = likely(bare, names)
  const negative = bare.startsWith('no-') ? nearest(bare.slice(3), names) : undefined
  if (positive.length > 0) return `Did you mean ${either(positive.map(name => `--${name}`))}?`
  return negative && `Did you mean --no-${negative}?`
}

export const unknownCommand = (
  program: string,
  typed: { known: readonly string[]; next: string; choices: readonly string[] },
): OpenworkError => {
  const group = [program, ...typed.known].join(' ')
  const close = likely(typed.next, typed.choices)
  const listed = typed.known.length > 0 && typed.choices.length > 0
  return new OpenworkError('unknown_command', `Unknown command \`${group} ${shownName(typed.next)}\``, {
    hint:
      close.length > 0
        ? `Did you mean ${either(close.map(word => `\`${group} ${word}\``))}?`
        : listed
          ? `Expected ${some(typed.choices)}.`
          : `See \`${program} --help\`.`,
  })
}

export const missingSubcommand = (group: string, choices: readonly string[]): OpenworkError =>
  new OpenworkError('missing_argument', `\`${group}\` needs one more word`, {
    hint: `Expected ${some(choices)}. See \`${group} --help\`.`,
  })

export const missingValue = (name: string, example: string): OpenworkError =>
  new OpenworkError('missing_value', `--${name} needs a value: --${name} <${example}>`)

const some = (items: readonly string[]): string => {
  const first = items.slice(0, MAX_NAMED).map(item => `\`${item}\``)
  return items.length > MAX_NAMED ? `${first.join(', ')} and others` : either(first)
}

/** `a, b or c`. */
export const either = (items: readonly string[]): string => items.join(', ').replace(/, ([^,]*)$/, ' or $1')
