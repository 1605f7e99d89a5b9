import pc from 'picocolors'
import {
  type Command,
  type CommandEntry,
  type Example,
  globalFlagsFor,
  globalFlagsOf,
  loadCommand,
  type Program,
} from './define.ts'
import type { Flag, Flags } from './flags.ts'
import type { Io } from './io.ts'
import { type Row, renderRows, textColumn, wrap } from './layout.ts'
import { CommandTree } from './locate.ts'
import { flagName, kebab } from './table.ts'

export type Look = { readonly width: number; readonly color: boolean }

export const wantsColor = ({ env, stdout }: Pick<Io, 'env' | 'stdout'>): boolean =>
  stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'

/** Long lines are hard to read, so a wide terminal is not used up. */
export const lookOf = (io: Pick<Io, 'env' | 'stdout'>): Look => ({
  width: Math.min(Math.max(io.stdout.columns ?? 80, 40), 110),
  color: wantsColor(io),
})

/** Help for a command, for a group of commands, or for the program when the path is empty. */
export async function renderHelp(program: Program, path: readonly string[], look: Look): Promise<string> {
  const tree = new CommandTree(program)
  const page = new HelpPage(look)
  const called = [program.name, ...path].join(' ')
  const entry = path.length > 0 ? tree.find(path) : undefined
  const below = tree.under(path).filter(other => !other.hidden && other !== entry)
  if (entry) {
    const command = await loadCommand(entry)
    addCommand(page, program.name, called, command)
    page.table('Commands', below.map(commandRow))
    page.table('Global flags', flagRows(globalFlagsFor(program, command)))
    page.examples(command.examples ?? [])
    return page.toString()
  }
  page.title(called, path.length === 0 ? program.summary : `Commands that begin with ${path.join(' ')}`)
  page.block('Usage', [`${called} ${path.length === 0 ? '[command]' : '<command>'} [flags]`])
  page.table(
    'Commands',
    below.map(other => {
      const isDefault = path.length === 0 && other.path === program.defaultCommand
      return { ...commandRow(other), facts: isDefault ? ['[default]'] : [] }
    }),
  )
  if (path.length === 0)
    page.table(
      'Topics',
      (program.topics ?? []).map(({ name, summary }) => ({ term: `help ${name}`, text: summary, facts: [] })),
    )
  page.table('Global flags', flagRows(globalFlagsOf(program)))
  if (path.length === 0) page.examples(program.examples ?? [])
  page.paragraph(`Run \`${program.name} help <command>\` for the flags, variables and examples of one command.`)
  return page.toString()
}

function addCommand(page: HelpPage, program: string, called: string, command: Command): void {
  page.title(called, command.summary)
  for (const paragraph of (command.description ?? '').split(/\n\s*\n/)) page.paragraph(paragraph)
  page.block('Usage', [usageLine(called, command)])
  const names = [command.path, ...(command.aliases ?? [])].map(path => `${program} ${path}`)
  const others = names.filter(name => name !== called)
  if (others.length > 0) page.paragraph(`Also called ${others.map(name => `\`${name}\``).join(', ')}.`)
  page.table(
    'Arguments',
    Object.entries(command.args).map(([key, { summary }]) => ({ term: `<${kebab(key)}>`, text: summary, facts: [] })),
  )
  for (const [group, flags] of groupsOf(command.flags)) page.table(group, flagRows(flags))
}

/** `openwork approvals reply <id> [flags]`. */
export function usageLine(called: string, command: Pick<Command, 'args' | 'flags'>): string {
  const args = Object.entries(command.args).map(([key, { optional, variadic }]) => {
    const name = `<${kebab(key)}>${variadic ? '…' : ''}`
    return optional ? `[${name}]` : name
  })
  const required = visible(command.flags).filter(([, flag]) => flag.required && flag.env.length === 0)
  return [called, ...args, ...required.map(([key, flag]) => flagTerm(key, flag)), '[flags]'].join(' ')
}

/** The visible flags by heading, in the order of the table; those without one come first. */
export function groupsOf(flags: Flags): Map<string, Flags> {
  const groups = new Map<string, Record<string, Flag>>()
  const all = visible(flags)
  for (const [key, flag] of [...all.filter(([, f]) => !f.group), ...all.filter(([, f]) => f.group)]) {
    const heading = flag.group ?? 'Flags'
    groups.set(heading, { ...groups.get(heading), [key]: flag })
  }
  return groups
}

/** `--approval <manual|auto>`, `--[no-]tui`, `-h, --help`. */
export function flagTerm(key: string, flag: Flag): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `
  // `--no-x` is shown where it changes something: the switch is on by default, or neither on nor off.
  const isOffAnyway = flag.fallback !== undefined && flag.defaultText === undefined
  if (flag.takes === 'nothing') return short + (isOffAnyway ? flagName(key) : `--[no-]${kebab(key)}`)
  return `${short}${flagName(key)} <${flag.valueName}>`
}

const visible = (flags: Flags): [string, Flag][] => Object.entries(flags).filter(([, flag]) => !flag.hidden)

const commandRow = (entry: CommandEntry): Row => ({ term: entry.path, text: entry.summary, facts: [] })

const flagRows = (flags: Flags): Row[] =>
  visible(flags).map(([key, flag]) => ({ term: flagTerm(key, flag), text: flag.summary, facts: factsOf(flag) }))

function factsOf(flag: Flag): string[] {
  const isListed = flag.choices?.join('|') === flag.valueName
  return [
    flag.choices && !isListed ? `[one of: ${flag.choices.join(', ')}]` : '',
    flag.required ? '[required]' : '',
    flag.defaultText ? `[default: ${flag.defaultText}]` : '',
    flag.env.length > 0 ? `[env: ${flag.env.join(', ')}]` : '',
  ].filter(fact => fact !== '')
}

/** A help page: blocks with an empty line between them, the texts of all tables in one column. */
export class HelpPage {
  readonly #blocks: (string | { heading: string; rows: readonly Row[] })[] = []
  readonly #width: number
  readonly #paint: ReturnType<typeof pc.createColors>

  constructor({ width, color }: Look) {
    this.#width = width
    this.#paint = pc.createColors(color)
  }

  title(called: string, summary: string): void {
    const [first = '', ...rest] = wrap(`${called}: ${summary}`, this.#width)
    this.#blocks.push([first.replace(called, () => this.#paint.bold(called)), ...rest].join('\n'))
  }

  paragraph(text: string): void {
    const lines = wrap(text, this.#width)
    if (lines.length > 0) this.#blocks.push(lines.join('\n'))
  }

  block(heading: string, lines: readonly string[]): void {
    if (lines.length === 0) return
    const folded = lines.flatMap(line =>
      wrap(line, this.#width - 4).map((part, index) => (index ? `    ${part}` : `  ${part}`)),
    )
    this.#blocks.push([this.#paint.bold(heading), ...folded].join('\n'))
  }

  /** Lines as they are: commands, paths. */
  verbatim(heading: string, lines: readonly string[]): void {
    this.#blocks.push([this.#paint.bold(heading), ...lines.map(line => `  ${line}`.trimEnd())].join('\n'))
  }

  table(heading: string, rows: readonly Row[]): void {
    if (rows.length > 0) this.#blocks.push({ heading, rows })
  }

  /** Commands are not folded: they are there to be copied. */
  examples(examples: readonly Example[]): void {
    if (examples.length === 0) return
    const lines = examples.flatMap(({ command, does }) => [
      ...wrap(`# ${does}`, this.#width - 2).map(line => `  ${this.#paint.dim(line)}`),
      `  ${command}`,
    ])
    this.#blocks.push([this.#paint.bold('Examples'), ...lines].join('\n'))
  }

  toString(): string {
    const rows = this.#blocks.flatMap(block => (typeof block === 'string' ? [] : block.rows))
    const column = textColumn(rows, this.#width)
    const paint = { term: this.#paint.cyan, fact: this.#paint.dim }
    const texts = this.#blocks.map(block =>
      typeof block === 'string'
        ? block
        : [this.#paint.bold(block.heading), ...renderRows(block.rows, column, this.#width, paint)].join('\n'),
    )
    return `${texts.join('\n\n')}\n`
  }
}
