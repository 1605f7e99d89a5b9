import type { Context } from './context.ts'
import { bool, type Flags, type ValuesOf } from './flags.ts'

import type { HelpPage } from './help.ts'
import type { Io } from './io.ts'
import type { Settings } from './settings.ts'

export type { ValuesOf } from './flags.ts'

/** A positional argument. Optional ones come last, a variadic one is the very last. */
export type Argument = {
  readonly summary: string
  readonly optional?: true
  readonly variadic?: true
  /**
   * Asks a person for one that is missing, by the values of the flags and the arguments before it; undefined when there is
   * nobody to ask.
   */
  readonly ask?: (
    values: Readonly<Record<string, unknown>>,
    context: Context,
    before: readonly string[],
  ) => Promise<string | undefined>
}

type Arguments = Readonly<Record<string, Argument>>

type ArgumentValues<A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends { variadic: true }
    ? readonly string[]
    : A[K] extends { optional: true }
      ? string | undefined
      : string
}

export type Example = { readonly command: string; readonly does: string }

/** What is known of a command without loading it. */
type Headline = {
  /** The words that call it: `approvals reply`. */
  readonly path: string
  /** Further complete paths. */
  readonly aliases?: readonly string[]
  /** One line, without a full stop. */
  readonly summary: string
  /** Not listed in help. */
  readonly hidden?: true
}

type About = Headline & {
  /** Paragraphs, separated by an empty line. */
  readonly description?: string
  readonly examples?: readonly Example[]
  /** The user's settings that cannot be used are told of and left out, instead of ending it: it is there to mend them. */
  readonly toleratesSettings?: true
  /** What `--json` does here, for help, where that is not one document. */
  readonly jsonText?: string
}

type CommandDefinition<F extends Flags, A extends Arguments> = About & {
  /** In the order they are typed. */
  readonly args?: A
  /** Keys are camelCase here and kebab-case on the command line. */
  readonly flags: F
  /** Resolves to the exit code; nothing means 0. */
  run(
    values: ValuesOf<F> & ArgumentValues<A>,
    context: Context<keyof F & string>,
    // biome-ignore lint/suspicious/noConfusingVoidType: a command may simply end
  ): Promise<number | void>
}

export type Command = About & {
  readonly args: Arguments
  readonly flags: Flags
  // biome-ignore lint/suspicious/noConfusingVoidType: as above
  run(values: Readonly<Record<string, unknown>>, context: Context): Promise<number | void>
}

/** A command whose module is loaded when it is called or its help is asked for. Its headline repeats the module's. */
export type LazyCommand = Headline & { readonly load: () => Promise<Command> }

export type CommandEntry = Command | LazyCommand

/** A page of help that is about more than one command. */
export type Topic = {
  /** What `help` takes. */
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** Below the title. */
  readonly write: (page: HelpPage, program: Program) => Promise<void>
}

export type Program = {
  readonly name: string
  readonly version: string
  readonly summary: string
  readonly commands: readonly CommandEntry[]
  /** Path of the command that runs when none is typed. */
  readonly defaultCommand: string
  /** For every command, besides `--json`, `--help` and `--version`. Their values are in `context.globals`. */
  readonly globalFlags?: Flags
  /** What the user's own settings say for a command; its promise rejects when they cannot be used. */
  readonly settings?: (command: Command, io: Io) => Promise<Settings | undefined>
  readonly topics?: readonly Topic[]
  /** Shown by the general help. */
  readonly examples?: readonly Example[]
}

// biome-ignore lint/complexity/noBannedTypes: no arguments at all is what `{}` says here
export const defineCommand = <const F extends Flags, const A extends Arguments = {}>(
  definition: CommandDefinition<F, A>,
): Command =>
  // Sound because the kit builds the values from these same two tables (values.ts).
  ({ ...definition, args: definition.args ?? {} }) as unknown as Command

/** What every command of every program takes. */
const STANDARD_FLAGS = {
  json: bool({
    default: false,
    perCall: true,
    summary: 'Print one JSON document on stdout; logs and notes go to stderr',
  }),
  help: bool({ default: false, perCall: true, short: 'h', summary: 'Show help' }),
  version: bool({ default: false, perCall: true, short: 'v', summary: 'Print the version' }),
} satisfies Flags

export const globalFlagsOf = (program: Pick<Program, 'globalFlags'>): Flags => ({
  ...program.globalFlags,
  ...STANDARD_FLAGS,
})

/** As help has them for one command. */
export function globalFlagsFor(program: Pick<Program, 'globalFlags'>, { jsonText }: Pick<Command, 'jsonText'>): Flags {
  const flags = globalFlagsOf(program)
  return jsonText === undefined ? flags : { ...flags, json: { ...STANDARD_FLAGS.json, summary: jsonText } }
}

export const loadCommand = async (entry: CommandEntry): Promise<Command> =>
  'load' in entry ? await entry.load() : entry
