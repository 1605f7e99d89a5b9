import { basename } from 'node:path'

/** The programs that one executable carries. Its start name, or its first argument, selects one. */
export const PROGRAMS = ['openwork', 'openwork-server', 'opencode-router'] as const
export type Program = (typeof PROGRAMS)[number]

/** How this process was started: the executable and, when run from source, the runtime's flags and the entry file. */
export type Self = { execPath: string; execArgv: readonly string[]; main: string }

/** Whether this is the compiled executable; its files live in Bun's virtual file system. */
export const isCompiled = (main: string): boolean => main.includes('$bunfs') || main.includes('~BUN')

/** The file that is this program: what came with it lies beside it. */
export const executableOf = ({ main, execPath }: Pick<Self, 'main' | 'execPath'>): string =>
  isCompiled(main) ? execPath : main

/**
 * Which program a start name and arguments select, and the arguments left for it. The name wins: a hard link called
 * `openwork-server` is that program whatever its arguments are, and when it is named there once more that is dropped.
 */
export function selectProgram(argv0: string, args: readonly string[]): { program: Program; args: readonly string[] } {
  const name = basename(argv0).replace(/\.exe$/i, '')
  const byName = PROGRAMS.find(program => program === name)
  if (byName && byName !== 'openwork') return { program: byName, args: args[0] === byName ? args.slice(1) : args }
  const byArgument = PROGRAMS.find(program => program === args[0])
  if (byArgument && byArgument !== 'openwork') return { program: byArgument, args: args.slice(1) }
  return { program: 'openwork', args }
}

/** The command line that runs one of our programs with this same executable. */
export function ownProgramArgv(self: Self, program: Program, args: readonly string[]): [string, ...string[]] {
  const named = program === 'openwork' ? args : [program, ...args]
  if (isCompiled(self.main)) return [self.execPath, ...named]
  // The flags keep Bun from loading files of the child's folder, which is the workspace: see scripts/lib/from-source.mjs.
  return [self.execPath, ...self.execArgv, self.main, ...named]
}
