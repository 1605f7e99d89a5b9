import { dirname, isAbsolute, join, resolve } from 'node:path'
import { systemCode, unlessSystemError } from '../../shared/errors.ts'
import { readPlainFile } from '../../shared/plain-file.ts'

/** `{env:NAME}` and `{file:path}` in a config file, which opencode replaces before it reads the JSON. */
const PLACEHOLDER = /\{(env|file):([^}\n]+)\}/g

/** The files named by `{file:…}`, absolute; not those in comments that fill a line. */
export function namedFiles(text: string, config: string, home: string): string[] {
  const lines = text.split('\n').filter(line => !line.trimStart().startsWith('//'))
  const names = lines.flatMap(line => [...line.matchAll(PLACEHOLDER)])
  return names.filter(([, kind]) => kind === 'file').map(([, , name = '']) => pathNamed(name, dirname(config), home))
}

/** Nobody needs more; endless ones, and thousands, are mistakes that would take all memory. */
const MAX_FILLED_LENGTH = 4 * 1024 * 1024
const MAX_NAMED = 500

/** Why a text is not filled in. */
export type Unfilled = { readonly unfilled: string }

/** The text as opencode reads it; a file that is not there stands for nothing. */
export async function filledIn(
  text: string,
  config: string,
  { env, home }: { env: Readonly<Record<string, string | undefined>>; home: string },
): Promise<string | Unfilled> {
  const named = new Set(namedFiles(text, config, home))
  if (named.size > MAX_NAMED) return { unfilled: `it names more than ${MAX_NAMED} files by {file:…}` }
  const tooLong = { unfilled: `with what it names it is larger than ${MAX_FILLED_LENGTH} bytes` }
  const contents = new Map<string, string>()
  let length = 0
  for (const path of named) {
    const content = await contentOf(path)
    length += content?.length ?? Number.POSITIVE_INFINITY
    if (content === undefined || length > MAX_FILLED_LENGTH) return tooLong
    contents.set(path, JSON.stringify(content.trim()).slice(1, -1))
  }
  const value = (kind: string, name: string): string =>
    (kind === 'env' ? env[name] : contents.get(pathNamed(name, dirname(config), home))) ?? ''
  // The same one may be named many times.
  const added = [...text.matchAll(PLACEHOLDER)].reduce(
    (sum, [, kind = '', name = '']) => sum + value(kind, name).length,
    0,
  )
  if (text.length + added > MAX_FILLED_LENGTH) return tooLong
  return text.replace(PLACEHOLDER, (_all, kind: string, name: string) => value(kind, name))
}

/** Undefined: it is too large. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readPlainFile(path, { maxBytes: MAX_FILLED_LENGTH })
  } catch (error) {
    if (systemCode(error) === 'EFBIG') return undefined
    unlessSystemError(error)
    return ''
  }
}

/** As settings name a file: in the home folder, absolute, or from `base` on. */
export function pathNamed(name: string, base: string, home: string): string {
  const given = name.trim()
  if (given.startsWith('~/')) return join(home, given.slice(2))
  return isAbsolute(given) ? resolve(given) : resolve(base, given)
}
