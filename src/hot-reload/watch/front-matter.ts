import type { Document } from 'yaml'

/** What the YAML block at the beginning of a Markdown file says. */
export type FrontMatter = {
  readonly values: Readonly<Record<string, unknown>>
  /** Below the block. */
  readonly body: string
  /** Why it is no YAML. */
  readonly mistake: { readonly message: string; readonly line: number; readonly column: number } | undefined
  /** Line and column, from 1, of the value at a path. */
  placeOf(path: readonly PropertyKey[]): { line: number; column: number } | undefined
}

const BLOCK = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)(?<=\n)---[ \t]*(?:\r?\n|$)/
/** Before the YAML comes the line that opens it. */
const LINES_BEFORE = 1

/**
 * Reads a block as opencode 1.18.33 does: js-yaml's core schema, where a date is a date, and where that fails once more
 * with values that hold a colon taken as text. A file without a block has no values.
 */
export async function parseFrontMatter(text: string): Promise<FrontMatter> {
  const block = BLOCK.exec(text)
  const none = { values: {}, mistake: undefined, placeOf: () => undefined }
  if (!block) return { ...none, body: text }
  const { LineCounter, isNode, parseDocument } = await import('yaml')
  const body = text.slice(block[0].length)
  const read = (source: string) => {
    const lines = new LineCounter()
    const document = parseDocument(source, {
      schema: 'core',
      customTags: ['timestamp'],
      lineCounter: lines,
      logLevel: 'silent',
    })
    const place = (offset: number) => {
      const { line, col } = lines.linePos(offset)
      return { line: line + LINES_BEFORE, column: col }
    }
    return { document, place }
  }
  const strict = read(block[1] ?? '')
  const lenient = strict.document.errors.length > 0 ? read(withColonsAsText(block[1] ?? '')) : strict
  const { document, place } = lenient.document.errors.length > 0 ? strict : lenient
  const [error] = document.errors
  if (error) {
    const [message = error.code] = error.message.split(/ at line |\n/)
    return { ...none, body, mistake: { message, ...place(error.pos[0]) } }
  }
  const value = contentOf(document)
  if (value instanceof Error) return { ...none, body, mistake: { message: value.message, ...place(0) } }
  return {
    values: typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {},
    body,
    mistake: undefined,
    placeOf: path => {
      const node = document.getIn(path, true)
      return isNode(node) && node.range ? place(node.range[0]) : undefined
    },
  }
}

/** An alias of nothing, or too many of them, shows only here. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}

/** `description: see: below` is taken as people mean it. */
const withColonsAsText = (yaml: string): string =>
  yaml
    .split(/\r?\n/)
    .map(line => {
      const [, key, value = ''] = /^([A-Za-z_]\w*)\s*:\s*(.*)$/.exec(line) ?? []
      const isPlain = key !== undefined && value.includes(':') && !/^[>|"']/.test(value)
      return isPlain ? `${key}: ${JSON.stringify(value.trimEnd())}` : line
    })
    .join('\n')
