import { OpenworkError } from '../../shared/errors.ts'
import { Redactor } from '../../shared/redact.ts'
import { Secret } from '../../shared/secret.ts'
import type { Context } from './context.ts'
import { type Command, type CommandEntry, globalFlagsOf, loadCommand, type Program } from './define.ts'
import type { Flags } from './flags.ts'
import { lookOf, renderHelp, wantsColor } from './help.ts'
import { withHelp } from './help-command.ts'
import type { Io } from './io.ts'
import { CommandTree, type Located } from './locate.ts'
import { Output } from './output.ts'
import { parseArgv } from './parse.ts'
import { FlagTable } from './table.ts'
import { missingSubcommand, unknownCommand, unknownFlag } from './usage.ts'
import { type Reading, readArguments, readFlags } from './values.ts'

type Run = { readonly program: Program; readonly tree: CommandTree; readonly io: Io; readonly output: Output } & Pick<
  Context,
  'json' | 'redactor'
>

/**
 * Runs one command line and resolves to its exit code, when everything it printed is written. Throws nothing, ends
 * no process, and takes of the process only what `io` holds.
 */
export async function runCli(given: Program, argv: readonly string[], io: Io): Promise<number> {
  const program = withHelp(given)
  const globals = new FlagTable(globalFlagsOf(program))
  const json = globals.isOn('json', argv)
  const redactor = new Redactor()
  const output = new Output({ name: program.name, json, stdout: io.stdout, stderr: io.stderr, redactor })
  const run: Run = { program, tree: new CommandTree(program), io, output, json, redactor }
  try {
    if (globals.isOn('help', argv)) return await showHelp(run, argv)
    if (globals.isOn('version', argv)) {
      output.result({ version: program.version }, program.version)
      return 0
    }
    return await dispatch(run, argv)
  } catch (error) {
    return output.failure(error)
  } finally {
    await output.flush()
  }
}

/** For the command as far as it can be made out: whoever asks for help is not told of mistakes. */
async function showHelp({ program, tree, io, output }: Run, argv: readonly string[]): Promise<number> {
  const { path } = await tree.locate(argv)
  const text = await renderHelp(program, path, lookOf(io))
  output.result({ help: text }, text)
  return 0
}

/** Everything is validated before the command runs, so that a slip leaves nothing half-done. */
async function dispatch(run: Run, argv: readonly string[]): Promise<number> {
  const located = await run.tree.locate(argv)
  const { command, called } = await findCommand(run, located)
  const globals = globalFlagsOf(run.program)
  const table = new FlagTable({ ...command.flags, ...globals })
  const parsed = parseArgv(located.rest, table)
  if ('unknownFlag' in parsed) throw await explainUnknownFlag(run, parsed.unknownFlag, called, [command])
  const readings = await readWithSettings(run, command, { flags: table.flags, texts: parsed.texts })
  for (const { value } of readings.values()) if (value instanceof Secret) run.redactor.add(value)
  const flagValues = valuesOf(command.flags, readings)
  const context = contextOf(run, readings)
  const words = await askForMissing(command, parsed.words, flagValues, context)
  return (await command.run({ ...flagValues, ...readArguments(command, words, called) }, context)) ?? 0
}

/** Of the arguments that are needed, those that can be asked for and are not there. */
async function askForMissing(
  { args }: Command,
  words: readonly string[],
  values: Readonly<Record<string, unknown>>,
  context: Context,
): Promise<readonly string[]> {
  const all = [...words]
  for (const { optional, ask } of Object.values(args).slice(words.length)) {
    const word = optional ? undefined : await ask?.(values, context, all)
    if (word === undefined) break
    all.push(word)
  }
  return all
}

type Typed = { readonly flags: Flags; readonly texts: ReadonlyMap<string, readonly string[]> }

async function readWithSettings({ program, io, output }: Run, command: Command, { flags, texts }: Typed) {
  try {
    return readFlags(flags, texts, io, await program.settings?.(command, io))
  } catch (error) {
    const isOfSettings = error instanceof OpenworkError && error.code.startsWith('user_config_')
    if (!command.toleratesSettings || !isOfSettings) throw error
    output.note(`${program.name}: your settings are left out: ${error.message}`)
    return readFlags(flags, texts, io)
  }
}

async function findCommand(run: Run, located: Located): Promise<{ command: Command; called: string }> {
  const { path, entry, next, unknownFlag: flag } = located
  const { program, tree } = run
  const group = [program.name, ...path].join(' ')
  if (flag !== undefined) throw await explainUnknownFlag(run, flag, group, tree.under(path))
  const choices = tree.wordsAfter(path, 'visible')
  const unknown = (word: string) => unknownCommand(program.name, { known: path, next: word, choices })
  if (next !== undefined && (path.length === 0 || !entry)) throw unknown(next)
  if (!entry) throw missingSubcommand(group, choices)
  const command = await loadCommand(entry)
  if (next !== undefined && Object.keys(command.args).length === 0) throw unknown(next)
  return { command, called: path.length > 0 ? group : `${program.name} ${entry.path}` }
}

/** Loads the other commands to tell which of them take the flag: slow, but the command line is lost anyway. */
async function explainUnknownFlag(run: Run, arg: string, called: string, considered: readonly CommandEntry[]) {
  const mine = await Promise.all(considered.map(loadCommand))
  const all = await Promise.all(run.program.commands.map(loadCommand))
  const others = all.filter(command => !command.hidden && !mine.includes(command))
  const takenBy = others.filter(({ flags }) => new FlagTable(flags).match(arg)).map(({ path }) => path)
  const flags = [...mine.map(command => command.flags), globalFlagsOf(run.program)].flatMap(table =>
    new FlagTable(Object.fromEntries(Object.entries(table).filter(([, flag]) => !flag.hidden))).names(),
  )
  return unknownFlag({ arg, command: called, names: flags, takenBy })
}

const valuesOf = (flags: Command['flags'], readings: ReadonlyMap<string, Reading>): Record<string, unknown> =>
  Object.fromEntries(Object.keys(flags).map(key => [key, readings.get(key)?.value]))

const contextOf = (run: Run, readings: ReadonlyMap<string, Reading>): Context => ({
  cwd: run.io.cwd,
  get home() {
    return run.io.home
  },
  env: run.io.env,
  get stdin() {
    return run.io.stdin
  },
  stdout: run.io.stdout,
  stderr: run.io.stderr,
  output: run.output,
  json: run.json,
  color: wantsColor(run.io),
  redactor: run.redactor,
  globals: valuesOf(run.program.globalFlags ?? {}, readings),
  source: key => readings.get(key)?.source,
  label: key => readings.get(key)?.label ?? key,
})
