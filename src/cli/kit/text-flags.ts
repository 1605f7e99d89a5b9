import { resolve } from 'node:path'
import { Secret, secret as toSecret } from '../../shared/secret.ts'
import {
  type Common,
  constant,
  type Flag,
  flag,
  type JsonSchema,
  type Present,
  scalar,
  sentenceList,
  type Where,
} from './flag.ts'

const TEXT: JsonSchema = { type: 'string', minLength: 1 }

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
