import { basename, dirname, relative } from 'node:path'
import type { ConfigProblem } from '../../api/hot-reload.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { jsonMistake, parseJsonc } from '../../shared/jsonc.ts'
import type { ConfigShape } from './config-shape.ts'
import { filledIn } from './config-text.ts'
import { type FrontMatter, parseFrontMatter } from './front-matter.ts'
import type { Fault } from './scan.ts'

/** `fatal`: opencode refuses the whole directory from then on. `skipped`: it goes on without what the file says. */
export type FileProblem = ConfigProblem & { readonly effect: 'fatal' | 'skipped' }

export type CheckContext = {
  env: Readonly<Record<string, string | undefined>>
  home: string
  shape: ConfigShape | undefined
}

/** What keeps opencode from reading a config file, but for files it names that are not there. */
export async function configProblems(path: string, text: string, context: CheckContext): Promise<FileProblem[]> {
  const given = withoutMark(text)
  const filled = await filledIn(given, path, context)
  const fatal = (message: string, offset: number): FileProblem => ({
    path,
    ...placeOf(given, offset),
    message,
    effect: 'fatal',
  })
  if (typeof filled !== 'string') return [fatal(filled.unfilled, 0)]
  const { findNodeAtLocation, parse, parseTree, printParseErrorCode } = await import('jsonc-parser')
  const options = { allowTrailingComma: true, allowEmptyContent: true }
  try {
    const errors: import('jsonc-parser').ParseError[] = []
    const value: unknown = parse(filled, errors, options)
    if (errors.length > 0) {
      // Where it is in the file as it was written, if it can be told there.
      const own: import('jsonc-parser').ParseError[] = []
      parse(given, own, options)
      const first = own[0] ?? errors[0]
      return first
        ? [fatal(`not JSON: ${jsonMistake(printParseErrorCode(first.error))}`, own.length > 0 ? first.offset : 0)]
        : []
    }
    if (value === undefined) return [] // nothing but blanks and comments
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [fatal('not an object', 0)]
    const misfits = context.shape?.(value) ?? []
    const tree = misfits.length > 0 ? parseTree(given, [], options) : undefined
    return misfits.map(({ path: keys, message }) => {
      const node = tree && findNodeAtLocation(tree, keys.filter(isStep))
      return fatal(said(keys, message), node?.offset ?? 0)
    })
  } catch (error) {
    if (error instanceof RangeError) return [fatal('nested too deeply', 0)] // the parser calls itself
    throw error
  }
}

/** What keeps opencode from reading the file of an agent or a command. */
export async function markdownProblems(
  file: { path: string; kind: 'agent' | 'command'; isMode: boolean },
  text: string,
  { shape }: CheckContext,
): Promise<FileProblem[]> {
  const { path, kind, isMode } = file
  const read = await parseFrontMatter(text)
  const mistake = yamlMistake(path, read)
  if (mistake) return [mistake]
  const { name: _name, ...values } = read.values
  const entry = { ...values, [kind === 'agent' ? 'prompt' : 'template']: read.body.trim() }
  const misfits = shape?.({ [kind]: { [basename(path, '.md')]: entry } }) ?? []
  return misfits.map(({ path: keys, message }) => ({
    path,
    ...read.placeOf(keys.slice(2)),
    message: said(keys.slice(2), message),
    effect: isMode ? 'skipped' : 'fatal',
  }))
}

/** What has opencode pass over a skill. */
export async function skillProblems(path: string, text: string): Promise<FileProblem[]> {
  const read = await parseFrontMatter(text)
  const mistake = yamlMistake(path, read)
  if (mistake) return [mistake]
  const { name, description } = read.values
  const skipped = (key: string, message: string): FileProblem[] => [
    { path, ...(read.placeOf([key]) ?? { line: 1, column: 1 }), message, effect: 'skipped' },
  ]
  if (typeof name !== 'string') return skipped('name', 'a skill needs a name in its front matter')
  const isText = description === undefined || typeof description === 'string'
  return isText ? [] : skipped('description', 'description: expected text')
}

/** opencode refuses a directory whose config names what it cannot read, and waits without end for what a pipe never says. */
export function faultProblem({ path, named, isThere }: Fault, text: string): FileProblem {
  const noFile = 'a pipe, device or folder, no plain file'
  if (named === undefined) return { path, message: `it is ${noFile}`, effect: 'fatal' }
  const near = relative(dirname(path), named)
  return {
    path,
    ...placeOf(text, Math.max(0, text.indexOf(basename(named)))),
    message: `it names ${near.startsWith('..') ? named : near}, which is ${isThere ? noFile : 'not there'}`,
    effect: 'fatal',
  }
}

/** The settings of a config file, as far as they can be read. */
export async function settingsOf(path: string, text: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return await parseJsonc(path, withoutMark(text))
  } catch (error) {
    if (error instanceof OpenworkError) return undefined
    throw error
  }
}

function yamlMistake(path: string, { mistake }: FrontMatter): FileProblem | undefined {
  if (!mistake) return undefined
  const { message, line, column } = mistake
  return { path, line, column, message: `front matter is not YAML: ${message}`, effect: 'skipped' }
}

const said = (keys: readonly PropertyKey[], message: string): string =>
  keys.length > 0 ? `${keys.map(String).join('.')}: ${message}` : message

const isStep = (key: PropertyKey): key is string | number => typeof key !== 'symbol'

/** Editors of Windows begin files with it. */
const withoutMark = (text: string): string => text.replace(/^\uFEFF/, '')

function placeOf(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split('\n')
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
