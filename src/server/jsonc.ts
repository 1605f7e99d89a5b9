import type { FormattingOptions, Node } from 'jsonc-parser'
import { OpenworkError } from '../shared/errors.ts'

/** JSON as people write it: comments and trailing commas are fine. */
export type JsoncObject = Readonly<Record<string, unknown>>

/**
 * The object in a text; blank text is an empty one. Throws `invalid_jsonc` (details `file`, `issues` with `code`,
 * `offset`, `length`) that names the place.
 */
export async function parseJsonc(file: string, text: string): Promise<JsoncObject> {
  const { parse, printParseErrorCode } = await import('jsonc-parser')
  const errors: import('jsonc-parser').ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true, allowEmptyContent: true })
  const issues = errors.map(({ error, offset, length }) => ({ code: printParseErrorCode(error), offset, length }))
  const [first] = issues
  if (first)
    throw new OpenworkError('invalid_jsonc', `${file}:${placeOf(text, first.offset)}: not JSON: ${first.code}`, {
      details: { file, issues },
    })
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OpenworkError('invalid_jsonc', `${file} does not hold an object`, { details: { file, issues } })
  return { ...value }
}

/** A value to put at a path of keys; undefined takes the key out. */
export type JsoncEdit = { path: readonly [string, ...string[]]; value: unknown }

/** The text with the edits made one after the other; comments and everything else stay as they are. */
export async function editJsonc(text: string, edits: readonly JsoncEdit[]): Promise<string> {
  const { applyEdits, modify } = await import('jsonc-parser')
  const formattingOptions = styleOf(text)
  let edited = text
  for (const { path, value } of edits) {
    if (value === undefined) edited = await removeKey(edited, path)
    else edited = applyEdits(edited, modify(edited, [...path], value, { formattingOptions }))
  }
  // What was written from nothing ends as text files do.
  return text.trim() === '' && edited !== '' ? `${edited}\n` : edited
}

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

/** How the text is indented, so that what is added looks like the rest. */
function styleOf(text: string): FormattingOptions {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  '
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  return { insertSpaces: !indent.startsWith('\t'), tabSize: indent.startsWith('\t') ? 1 : indent.length, eol }
}

/** `line:column`, from 1. */
function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n')
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`
}
