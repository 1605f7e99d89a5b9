import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import ignore from 'ignore'
import { systemCode } from '../../shared/errors.ts'
import { TEMPORARY_PATTERNS } from './temporary-name.ts'

const IGNORE_FILE = '.openworkignore'

/** Neither side is asked to hold these, whatever the rules say: a hook in `.git` is a program that git runs. */
const ALWAYS = ['.git', ...TEMPORARY_PATTERNS]
/** What a rule may take back: `!node_modules`. */
const USUALLY = ['node_modules']

/** Of a plain relative path; of a folder when it ends in a slash. */
export type IsIgnored = (path: string) => boolean

/** The rules of a folder: the usual ones, its `.openworkignore`, then `patterns`; in the language of `.gitignore`. */
export async function readIgnoreRules(folder: string, patterns: readonly string[]): Promise<IsIgnored> {
  const always = ignore().add(ALWAYS)
  const rules = ignore()
    .add(USUALLY)
    .add(await readIfThere(join(folder, IGNORE_FILE)))
    .add([...patterns])
  return path => always.ignores(path) || rules.ignores(path)
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}
