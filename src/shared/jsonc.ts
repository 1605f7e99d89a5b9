import type { Node } from 'jsonc-parser'
import { OpenworkError } from './errors.ts'

/** JSON as people write it: comments and trailing commas are fine. */
export type JsoncObject = Readonly<Record<string, unknown>>

/**
 * The object in a text; blank text is an empty one. Throws `invalid_jsonc` (details: a list of `code`, `offset`,
 * `length`) that names the place.
 */
export async function parseJsonc(file: string, text: string): Promise<JsoncObject> {
  const { parse, printParseErrorCode } = await import('jsonc-parser')
  const errors: import('jsonc-parser').ParseError[] = []
  const value = withinStack(file, () => parse(text, errors, { allowTrailingComma: true, allowEmptyContent: true }))
  const issues = errors.map(({ error, offset, length }) => ({ code: printParseErrorCode(error), offset, length }))
  const [first] = issues
  if (first)
    throw new OpenworkError(
      'invalid_jsonc',
      `${file}:${placeOf(text, first.offset)}: not JSON: ${jsonMistake(first.code)}`,
      {
        details: issues,
      },
    )
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OpenworkError('invalid_jsonc', `${file} does not hold an object`, { details: issues })
  return { ...value }
}

const MISTAKES: Readonly<Record<string, string>> = {
  InvalidSymbol: 'this is neither a value nor a mark of JSON; texts are in double quotes',
  InvalidNumberFormat: 'this is no number',
  PropertyNameExpected: 'a key in double quotes is missing',
  ValueExpected: 'a value is missing',
  ColonExpected: 'a : is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a } is missing',
  CloseBracketExpected: 'a ] is missing',
  EndOfFileExpected: 'something follows the end',
  UnexpectedEndOfComment: 'a comment does not end',
  UnexpectedEndOfString: 'a text does not end',
  UnexpectedEndOfNumber: 'a number does not end',
  InvalidUnicode: 'four hexadecimal digits are missing after \\u',
  InvalidEscapeCharacter: 'a \\ is followed by what it does not go with',
  InvalidCharacter: 'a text holds a character that must be escaped',
}

/** What a code of jsonc-parser says to people. */
export const jsonMistake = (code: string): string => MISTAKES[code] ?? code

/** A value to put at a key, or at a key of the object at a key; undefined takes it out. */
export type JsoncEdit = { path: readonly [key: string, nested?: string]; value: unknown }

/** The text, which holds an object or nothing, with the edits made one after the other; all else stays as it is. */
export async function editJsonc(text: string, edits: readonly JsoncEdit[]): Promise<string> {
  const style = styleOf(text)
  let edited = text
  for (const { path, value } of edits) {
    const keys = path.filter(key => key !== undefined)
    edited = value === undefined ? await removeKey(edited, keys) : await putKey(edited, keys, value, style)
  }
  return edited
}

async function putKey(text: string, keys: readonly string[], value: unknown, style: Style): Promise<string> {
  const { parseTree } = await import('jsonc-parser')
  const [key = '', nested] = keys
  const root = parseTree(text, [], { allowTrailingComma: true })
  if (!root) {
    const { indent, eol } = style
    // What there is may be a comment up to its end.
    const begin = text === '' || text.endsWith('\n') ? text : text + eol
    return `${begin}{${eol}${indent}${member(key, wrapped(nested, value), style, indent)}${eol}}${eol}`
  }
  if (nested === undefined) return putMember(text, root, { key, value }, style)
  const inner = valueNodeOf(root, key)
  if (inner?.type === 'object') return putMember(text, inner, { key: nested, value }, style)
  return putMember(text, root, { key, value: wrapped(nested, value) }, style)
}

const wrapped = (nested: string | undefined, value: unknown): unknown =>
  nested === undefined ? value : { [nested]: value }

/** Of keys that are given twice, the last one counts. */
const valueNodeOf = (object: Node, key: string): Node | undefined =>
  object.children?.findLast(({ children }) => children?.[0]?.value === key)?.children?.[1]

/** Not `modify`: it lays out the text around anew, and fails for what is nested deeply. */
async function putMember(
  text: string,
  object: Node,
  { key, value }: { key: string; value: unknown },
  style: Style,
): Promise<string> {
  const lineStart = text.lastIndexOf('\n', object.offset) + 1
  const outer = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? ''
  const indent = outer + style.indent
  const present = valueNodeOf(object, key)
  if (present) return text.slice(0, present.offset) + rendered(value, style, indent) + text.slice(endOf(present))

  const last = object.children?.at(-1)
  const close = endOf(object) - 1
  // Behind everything that is in there, comments too.
  const end = text.slice(0, close).trimEnd().length
  const comma = last && (await commaAfter(text, endOf(last)))
  const isOneLine = last !== undefined && !text.slice(object.offset, close).includes('\n')
  if (isOneLine) {
    const separator = comma === undefined ? ', ' : ' '
    return `${text.slice(0, end)}${separator}${JSON.stringify(key)}: ${JSON.stringify(value)}${text.slice(close)}`
  }
  const before =
    last && comma === undefined ? `${text.slice(0, endOf(last))},${text.slice(endOf(last), end)}` : text.slice(0, end)
  const trailing = comma === undefined ? '' : ','
  const line = `${indent}${member(key, value, style, indent)}${trailing}`
  return `${before}${style.eol}${line}${style.eol}${outer}${text.slice(close)}`
}

const member = (key: string, value: unknown, style: Style, indent: string): string =>
  `${JSON.stringify(key)}: ${rendered(value, style, indent)}`

const rendered = (value: unknown, { indent: unit, eol }: Style, indent: string): string =>
  JSON.stringify(value, null, unit).replaceAll('\n', eol + indent)

/** As often as it is there: of keys that are given twice, the last one counts. */
async function removeKey(text: string, path: readonly string[]): Promise<string> {
  const { findNodeAtLocation, parseTree } = await import('jsonc-parser')
  let edited = text
  for (;;) {
    const root = parseTree(edited, [], { allowTrailingComma: true })
    const property = root && findNodeAtLocation(root, [...path])?.parent
    if (!property) return edited
    edited = await cutProperty(edited, property)
  }
}

/**
 * Takes a property out with its comma, or with the comma before it when it is the last: `modify` would take the
 * comments around it too.
 */
async function cutProperty(text: string, property: Node): Promise<string> {
  const siblings = property.parent?.children ?? []
  const previous = siblings[siblings.indexOf(property) - 1]
  const end = property.offset + property.length
  const comma = (await commaAfter(text, end)) ?? (previous && (await commaAfter(text, endOf(previous))))
  const cuts: [start: number, end: number][] = [[property.offset, end]]
  if (comma !== undefined) cuts.push([comma, comma + 1])
  let cut = text
  for (const [from, to] of cuts.sort(([a], [b]) => b - a)) cut = cut.slice(0, from) + cut.slice(to)
  const at = comma !== undefined && comma < property.offset ? property.offset - 1 : property.offset
  return dropBlankLine(cut, at)
}

const endOf = ({ offset, length }: Node): number => offset + length

/** Where the comma is that comes next, comments passed over; undefined when something else comes. */
async function commaAfter(text: string, offset: number): Promise<number | undefined> {
  const { createScanner } = await import('jsonc-parser')
  const scanner = createScanner(text, true)
  scanner.setPosition(offset)
  scanner.scan()
  const next = scanner.getTokenOffset()
  return text[next] === ',' ? next : undefined
}

/** Takes the line at `offset` out when nothing is left on it. */
function dropBlankLine(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const newline = text.indexOf('\n', offset)
  if (newline === -1 || start === 0 || text.slice(start, newline).trim() !== '') return text
  return text.slice(0, start) + text.slice(newline + 1)
}

type Style = { indent: string; eol: string }

/** How the text is laid out, so that what is added looks like the rest. */
const styleOf = (text: string): Style => ({
  indent: /^([ \t]+)"/m.exec(text)?.[1] ?? '  ',
  eol: text.includes('\r\n') ? '\r\n' : '\n',
})

/** `line:column`, from 1. */
function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n')
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`
}

/** The parser calls itself for what is nested. */
function withinStack(file: string, parse: () => unknown): unknown {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new OpenworkError('invalid_jsonc', `${file} is nested too deeply`, { cause, details: [] })
  }
}
