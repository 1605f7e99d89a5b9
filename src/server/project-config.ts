import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Workspace } from '../api/workspaces.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'

/** In the order opencode looks for them. */
const OPENCODE_FILES = ['opencode.jsonc', 'opencode.json', '.opencode/opencode.jsonc', '.opencode/opencode.json']
const OPENWORK_FILE = '.opencode/openwork.json'

type ProjectConfig = { opencode: Record<string, unknown>; openwork: Record<string, unknown> }

/** A project's own settings; missing files read as `{}`. Throws `invalid_jsonc` for a broken one. */
export async function readProjectConfig({ path }: Workspace): Promise<ProjectConfig> {
  if (path === '') return { opencode: {}, openwork: {} } // a remote workspace: its files are elsewhere
  const [opencode, openwork] = await Promise.all([readFirst(path, OPENCODE_FILES), readFirst(path, [OPENWORK_FILE])])
  return { opencode, openwork }
}

async function readFirst(folder: string, names: readonly string[]): Promise<Record<string, unknown>> {
  for (const name of names) {
    const text = await readFile(join(folder, name), 'utf8').catch(error => {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
      throw error
    })
    if (text !== undefined) return parseJsonc(name, text)
  }
  return {}
}

async function parseJsonc(name: string, text: string): Promise<Record<string, unknown>> {
  const { parse, printParseErrorCode } = await import('jsonc-parser')
  const errors: import('jsonc-parser').ParseError[] = []
  const value: unknown = parse(text, errors, { allowTrailingComma: true, allowEmptyContent: true })
  const issues = errors.map(({ error, offset, length }) => ({ code: printParseErrorCode(error), offset, length }))
  if (issues.length > 0)
    throw new OpenworkError('invalid_jsonc', `${name} is not valid JSON: ${issues[0]?.code}`, {
      details: { file: name, issues },
    })
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OpenworkError('invalid_jsonc', `${name} does not hold an object`, { details: { file: name, issues } })
  return { ...value }
}
