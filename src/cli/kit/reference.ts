import { type Command, globalFlagsOf, loadCommand, type Program } from './define.ts'
import type { Flag, Flags } from './flags.ts'
import { flagTerm, groupsOf, usageLine } from './help.ts'
import { kebab } from './table.ts'

/** All visible commands and flags as Markdown, from the tables that parse them. Headings begin at level two. */
export async function renderReference(program: Program): Promise<string> {
  const commands = await Promise.all(program.commands.filter(entry => !entry.hidden).map(loadCommand))
  const seen = new Map<Flags, string>()
  return [
    ...commands.map(command => renderCommand(program, command, seen)),
    '## Global flags',
    'Every command takes these.',
    flagTable(globalFlagsOf(program)),
  ].join('\n\n')
}

/** Commands that share one table of flags, as `start` and `serve` do, show it once. */
function renderCommand(program: Program, command: Command, seen: Map<Flags, string>): string {
  const called = `${program.name} ${command.path}`
  const blocks = [`## \`${called}\``, `${command.summary}.`]
  if (command.description) blocks.push(command.description)
  blocks.push(fence([usageLine(called, command)]))
  const aliases = (command.aliases ?? []).map(alias => `\`${program.name} ${alias}\``)
  if (aliases.length > 0) blocks.push(`Also called ${aliases.join(', ')}.`)
  const args = Object.entries(command.args).map(([key, { summary }]) => [`\`<${kebab(key)}>\``, summary])
  if (args.length > 0) blocks.push(table(['Argument', 'Meaning'], args))
  const sameAs = seen.get(command.flags)
  if (sameAs !== undefined) blocks.push(`Its flags are those of \`${sameAs}\`.`)
  else {
    seen.set(command.flags, called)
    for (const [group, flags] of groupsOf(command.flags)) blocks.push(`**${group}**`, flagTable(flags))
  }
  if (command.jsonText !== undefined) blocks.push(`\`--json\`: ${command.jsonText}.`)
  const examples = command.examples ?? []
  if (examples.length > 0) blocks.push(fence(examples.flatMap(example => [`# ${example.does}`, example.command])))
  return blocks.join('\n\n')
}

const flagTable = (flags: Flags): string =>
  table(
    ['Flag', 'Meaning', 'Default', 'Environment'],
    Object.entries(flags)
      .filter(([, flag]) => !flag.hidden)
      .map(([key, flag]) => [code(flagTerm(key, flag)), meaning(flag), defaultOf(flag), flag.env.map(code).join(', ')]),
  )

const meaning = ({ summary, choices, valueName }: Flag): string =>
  choices && choices.join('|') !== valueName ? `${summary}: ${choices.map(code).join(', ')}` : summary

const defaultOf = (flag: Flag): string => (flag.required ? 'required' : (flag.defaultText ?? ''))

const code = (text: string): string => `\`${text}\``

const fence = (lines: readonly string[]): string => ['```sh', ...lines, '```'].join('\n')

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`.replaceAll(/ {2,}\|/g, ' |')
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** A pipe would end the cell, in code too; `<` outside of code would begin a tag. */
const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .split('`')
    .map((part, index) => (index % 2 === 0 ? part.replaceAll('<', '&lt;') : part))
    .join('`')

const BEGIN = '<!-- reference:begin -->'
const END = '<!-- reference:end -->'

/** The page with what stands between its marks replaced. Throws when it does not hold both marks, in order. */
export function replaceReference(page: string, reference: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END, begin)
  if (begin === -1 || end === -1) throw new Error(`The page must hold ${BEGIN} and ${END}, in this order.`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${reference}\n\n${page.slice(end)}`
}
