import { type Command, globalFlagsFor, loadCommand, type Program } from '../kit/define.ts'
import type { Flag, Flags } from '../kit/flags.ts'
import { CommandTree } from '../kit/locate.ts'
import { FlagTable, isDashed, kebab } from '../kit/table.ts'

export type Candidate = { readonly word: string; readonly summary: string }

export type Completion = {
  readonly candidates: readonly Candidate[]
  /** What the shell itself is to add. */
  readonly shell?: 'files' | 'folders'
}

/**
 * What may stand for an argument or for the value of a flag that names something: only known when it is asked. `before` are
 * the arguments in front of it.
 */
export type FindWords = (key: string, command: Command, before: readonly string[]) => Promise<Completion | undefined>

const NOTHING: Completion = { candidates: [] }

/** What may come where the cursor is, behind these words, for what is typed of it so far. */
export async function complete(
  program: Program,
  typed: { readonly words: readonly string[]; readonly current: string },
  findWords: FindWords,
): Promise<Completion> {
  const { words, current } = atWordBreak(typed)
  const tree = new CommandTree(program)
  const { path, entry, next, rest, unknownFlag } = await tree.locate(words)
  if (unknownFlag !== undefined) return NOTHING
  const command = entry && (await loadCommand(entry))
  const flags: Flags = { ...command?.flags, ...globalFlagsFor(program, command ?? {}) }
  const table = new FlagTable(flags)
  const flagsEnded = words.includes('--')

  const last = table.match(words.at(-1) ?? '')
  if (!flagsEnded && last && last.text === undefined && last.flag.takes !== 'nothing' && command)
    return starting(current, await valuesOf(last, command, findWords))
  if (!flagsEnded && isDashed(current) && current.includes('=')) {
    const match = table.match(current)
    if (!match || !command) return NOTHING
    const before = current.slice(0, current.indexOf('=') + 1)
    const { candidates } = starting(match.text ?? '', await valuesOf(match, command, findWords))
    return { candidates: candidates.map(({ word, summary }) => ({ word: before + word, summary })) }
  }
  if (!flagsEnded && current.startsWith('-')) return starting(current, { candidates: flagCandidates(flags) })

  const commands = next === undefined ? commandCandidates(tree, path) : []
  const isDefault = path.length === 0 // its arguments come after its name only
  const argument = command && !isDefault ? await argumentWords(command, rest, table, findWords) : NOTHING
  const found = starting(current, { candidates: [...commands, ...argument.candidates] })
  return argument.shell ? { ...found, shell: argument.shell } : found
}

/** bash makes three words of `--approval=au`. */
function atWordBreak({ words, current }: { words: readonly string[]; current: string }) {
  if (current === '=') return { words, current: '' }
  return words.at(-1) === '=' ? { words: words.slice(0, -1), current } : { words, current }
}

function starting(current: string, { candidates, ...others }: Completion): Completion {
  return { candidates: candidates.filter(({ word }) => word.startsWith(current)), ...others }
}

async function valuesOf(
  { key, flag }: { key: string; flag: Flag },
  command: Command,
  findWords: FindWords,
): Promise<Completion> {
  return ownWords(flag) ?? (await findWords(key, command, [])) ?? NOTHING
}

/** The values of a flag that tells them itself. */
export function ownWords({ choices, takes, valueName }: Flag): Completion | undefined {
  if (choices) return { candidates: choices.map(word => ({ word, summary: '' })) }
  if (takes === 'nothing') return { candidates: ['true', 'false'].map(word => ({ word, summary: '' })) }
  return valueName === 'path' ? { candidates: [], shell: 'files' } : undefined
}

const flagCandidates = (flags: Flags): Candidate[] =>
  Object.entries(flags).flatMap(([key, flag]) => {
    if (flag.hidden) return []
    const name = kebab(key)
    const isOn = flag.takes === 'nothing' && (flag.fallback === undefined || flag.defaultText !== undefined)
    const negation = isOn ? [{ word: `--no-${name}`, summary: `Not: ${flag.summary}` }] : []
    return [{ word: `--${name}`, summary: flag.summary }, ...negation]
  })

function commandCandidates(tree: CommandTree, path: readonly string[]): Candidate[] {
  return tree.wordsAfter(path, 'visible').map(word => {
    const entry = tree.find([...path, word])
    const below = tree.under([...path, word]).filter(({ hidden }) => !hidden)
    const isGroup = !entry || (below.length > 1 && entry.path !== [...path, word].join(' '))
    return { word, summary: isGroup ? below.map(({ path }) => path.split(' ').at(-1)).join(', ') : entry.summary }
  })
}

/** Of the argument that comes next: those before it are there already. */
async function argumentWords(
  command: Command,
  rest: readonly string[],
  table: FlagTable,
  findWords: FindWords,
): Promise<Completion> {
  const before: string[] = []
  for (let index = 0; index < rest.length; index++) {
    const match = isDashed(rest[index] ?? '') ? table.match(rest[index] ?? '') : undefined
    if (match && table.takesNext(match, rest[index + 1])) index += 1
    else if (!match && rest[index] !== '--') before.push(rest[index] ?? '')
  }
  const args = Object.entries(command.args)
  const [key] =
    args[before.length] ?? args.findLast(([, { variadic }], index) => variadic && index <= before.length) ?? []
  return key === undefined ? NOTHING : ((await findWords(key, command, before)) ?? NOTHING)
}
