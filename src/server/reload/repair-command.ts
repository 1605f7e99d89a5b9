import { relative } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import type { Log } from '../../shared/log.ts'
import { readText, writeText } from '../workspace-text.ts'

/** The YAML block at the beginning of a Markdown file: its opening line, its lines, its closing line. */
const FRONT_MATTER = /^(---[ \t]*\r?\n)([\s\S]*?\r?\n)?(---[ \t]*(?:\r?\n|$))/
/** `model` with a null for value, in all of YAML's spellings, and no indented value on the lines below. */
const NULL_MODEL = /^model[ \t]*:(?:[ \t]+(?:null|Null|NULL|~))?(?:[ \t]+#[^\r\n]*)?[ \t]*\r?\n(?![ \t]+\S)/gm

/**
 * A command file without its null `model`, which opencode takes for the name of a model; older clients wrote it.
 * Undefined when there is none.
 */
export function withoutNullModel(text: string): string | undefined {
  const match = FRONT_MATTER.exec(text)
  const lines = match?.[2]
  if (!match || !lines?.match(NULL_MODEL)) return undefined
  const kept = lines.replace(NULL_MODEL, '')
  return `${match[1]}${kept}${text.slice((match[1]?.length ?? 0) + lines.length)}`
}

/**
 * Takes the null `model` out of a command file of a workspace; everything else of the file stays as it is. Resolves to
 * whether it did. A file that cannot be repaired is told in a warning and left alone.
 */
export async function repairCommand(root: string, path: string, text: string, log: Log): Promise<boolean> {
  if (!path.endsWith('.md') || withoutNullModel(text) === undefined) return false
  const given = relative(root, path)
  try {
    const found = await readText(root, given)
    const repaired = found && withoutNullModel(found.text)
    if (repaired === undefined) return false
    await writeText(root, given, repaired, found)
    return true
  } catch (error) {
    if (!(error instanceof OpenworkError) && systemCode(error) === undefined) throw error
    log.warn(`The command file ${given} says model: null, which opencode cannot read, and could not be repaired`, {
      reason: String(error),
    })
    return false
  }
}
