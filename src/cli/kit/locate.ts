import { type CommandEntry, globalFlagsOf, loadCommand, type Program } from './define.ts'
import { FlagTable, isDashed, type Match } from './table.ts'

/** The command of a command line, found before its flags are known. */
export type Located = {
  /** The words that name it, or the group of commands that was reached. */
  readonly path: readonly string[]
  readonly entry: CommandEntry | undefined
  /** The word after them, where one more could have followed. */
  readonly next: string | undefined
  /** The command line without those words. */
  readonly rest: readonly string[]
  /** A flag among them that no command takes; what follows it was not looked at. */
  readonly unknownFlag: string | undefined
}

/** All commands of a program by the words that call them. */
export class CommandTree {
  readonly #byPath = new Map<string, CommandEntry>()
  readonly #program: Program

  constructor(program: Program) {
    this.#program = program
    for (const entry of program.commands)
      for (const path of [entry.path, ...(entry.aliases ?? [])]) this.#byPath.set(path, entry)
  }

  find(path: readonly string[]): CommandEntry | undefined {
    return this.#byPath.get(path.join(' '))
  }

  /** The commands whose path begins with these words, the default command first, each once. */
  under(path: readonly string[]): CommandEntry[] {
    const begin = path.join(' ')
    const found = new Set<CommandEntry>()
    const first = this.#byPath.get(this.#program.defaultCommand)
    if (path.length === 0 && first) found.add(first)
    for (const [called, entry] of this.#byPath) if (isUnder(called, begin)) found.add(entry)
    return [...found]
  }

  /**
   * The words that may follow these. Not told of, though found, are hidden commands, and other names of commands that
   * are told of already.
   */
  wordsAfter(path: readonly string[], which: 'all' | 'visible'): string[] {
    const begin = path.join(' ')
    const isTold = (called: string, { path, hidden }: CommandEntry): boolean =>
      !hidden && (called === path || !isUnder(path, begin))
    const words = [...this.#byPath]
      .filter(([called, entry]) => isUnder(called, begin) && (which === 'all' || isTold(called, entry)))
      .map(([called]) => called.split(' ')[path.length])
    return [...new Set(words.filter(word => word !== undefined))]
  }

  /**
   * Takes the longest row of words that names a command or a group. Where flags stand before or among them, commands
   * are loaded until one takes the flag: only then it is known whether the next word is the flag's.
   */
  async locate(argv: readonly string[]): Promise<Located> {
    const path: string[] = []
    const rest: string[] = []
    let choices = this.wordsAfter(path, 'all')
    let flagsEnded = false
    let index = 0
    const located = (found: { next?: string; unknownFlag?: string }): Located => ({
      path,
      entry: path.length === 0 ? this.#byPath.get(this.#program.defaultCommand) : this.find(path),
      next: found.next,
      rest: [...rest, ...argv.slice(index)],
      unknownFlag: found.unknownFlag,
    })
    for (; index < argv.length && choices.length > 0; index++) {
      const arg = argv[index] ?? ''
      if (flagsEnded || !isDashed(arg)) {
        if (!choices.includes(arg)) return located({ next: arg })
        path.push(arg)
        choices = this.wordsAfter(path, 'all')
      } else if (arg === '--') {
        rest.push(arg)
        flagsEnded = true
      } else {
        const found = await this.#findFlag(path, arg)
        if (!found) return located({ unknownFlag: arg })
        rest.push(arg)
        const value = argv[index + 1]
        if (!found.table.takesNext(found.match, value)) continue
        rest.push(value)
        index += 1
      }
    }
    return located({})
  }

  async #findFlag(path: readonly string[], arg: string): Promise<{ table: FlagTable; match: Match } | undefined> {
    const globals = globalFlagsOf(this.#program)
    const inTable = (table: FlagTable) => {
      const match = table.match(arg)
      return match && { table, match }
    }
    const found = inTable(new FlagTable(globals))
    if (found) return found
    for (const entry of this.under(path)) {
      const { flags } = await loadCommand(entry)
      const owned = inTable(new FlagTable({ ...flags, ...globals }))
      if (owned) return owned
    }
    return undefined
  }
}

const isUnder = (called: string, begin: string): boolean =>
  begin === '' || called === begin || called.startsWith(`${begin} `)
