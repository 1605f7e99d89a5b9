import { type Command, type CommandEntry, globalFlagsOf, loadCommand, type Program } from './define.ts'
import type { Flag } from './flags.ts'
import { flagName } from './table.ts'

/**
 * What is wrong with a program's tables, as sentences; empty when nothing is. The types cannot say these things, and
 * a parser that checked them at every start would be slower for it.
 */
export async function checkProgram(program: Program): Promise<string[]> {
  const commands = await Promise.all(program.commands.map(loadCommand))
  return [
    ...checkPaths(program),
    ...program.commands.flatMap((entry, index) => checkHeadline(entry, commands[index])),
    ...commands.flatMap(command => [...checkFlags(command, program), ...checkArguments(command)]),
    ...checkKinds(commands),
  ]
}

function checkPaths(program: Program): string[] {
  const paths = program.commands.flatMap(({ path, aliases }) => [path, ...(aliases ?? [])])
  const problems = paths
    .filter((path, index) => paths.indexOf(path) !== index)
    .map(path => `${path}: two commands are called so`)
  for (const path of paths)
    if (!/^[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)*$/.test(path)) problems.push(`${path}: not lower-case words`)
    else if (/^help\b/.test(path)) problems.push(`${path}: \`help\` is built in`)
  const start = program.commands.find(({ path }) => path === program.defaultCommand)
  if (!start) problems.push(`${program.defaultCommand}: the default command does not exist`)
  return problems
}

/** A lazy entry repeats its module's headline, and must not drift from it. */
function checkHeadline(entry: CommandEntry, command: Command | undefined): string[] {
  if (!('load' in entry) || !command) return []
  return (['path', 'summary', 'aliases', 'hidden'] as const)
    .filter(key => JSON.stringify(entry[key]) !== JSON.stringify(command[key]))
    .map(key => `${entry.path}: its ${key} differs between the list of commands and its module`)
}

function checkFlags({ path, flags, args }: Command, program: Program): string[] {
  const globals = globalFlagsOf(program)
  const shorts = new Set(Object.values(globals).map(({ short }) => short))
  return Object.entries(flags).flatMap(([key, flag]) => {
    const problems: string[] = []
    if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) problems.push('not camelCase')
    if (/^no[A-Z]/.test(key)) problems.push('reads as the negation of another flag')
    if (Object.hasOwn(globals, key)) problems.push('is a global flag already')
    if (Object.hasOwn(args, key)) problems.push('an argument has the same key')
    if (flag.short !== undefined && (!/^[a-z]$/i.test(flag.short) || shorts.has(flag.short)))
      problems.push(`its short form -${flag.short} is not one free letter`)
    return problems.map(problem => `${path} ${flagName(key)}: ${problem}`)
  })
}

function checkArguments({ path, args }: Command): string[] {
  const all = Object.entries(args)
  return all.flatMap(([key, argument], index) => {
    const after = all.slice(index + 1)
    const problems: string[] = []
    if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) problems.push('not camelCase')
    if (argument.variadic && after.length > 0) problems.push('takes all words, so nothing can follow it')
    if (argument.optional && after.some(([, { optional }]) => !optional))
      problems.push('is optional, so no required one can follow it')
    return problems.map(problem => `${path} <${key}>: ${problem}`)
  })
}

/** A flag may stand before the command: whether it takes the next word must not depend on which command follows. */
function checkKinds(commands: readonly Command[]): string[] {
  const first = new Map<string, { path: string; flag: Flag }>()
  return commands.flatMap(({ path, flags }) =>
    Object.entries(flags).flatMap(([key, flag]) => {
      const known = first.get(key)
      first.set(key, known ?? { path, flag })
      const differs = known && (known.flag.takes === 'nothing') !== (flag.takes === 'nothing')
      return differs ? [`${path} ${flagName(key)}: takes a value here or in \`${known.path}\`, but not in both`] : []
    }),
  )
}
