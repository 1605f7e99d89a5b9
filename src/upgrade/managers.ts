import { shellWord } from '../shared/shell-word.ts'

export const PACKAGE = 'openwork-orchestrator'

/** Package managers that install programs for a user. */
export type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun'

/**
 * The command that installs a version globally.
 *
 * @param prefix npm's alone: there may be several, and the one on PATH need not be the one that installed us
 */
export function installCommand(
  { manager, prefix }: { manager: Manager; prefix?: string },
  version: string,
): [string, ...string[]] {
  const what = `${PACKAGE}@${version}`
  switch (manager) {
    case 'npm':
      return ['npm', 'install', '--global', ...(prefix === undefined ? [] : ['--prefix', prefix]), what]
    case 'pnpm':
      return ['pnpm', 'add', '--global', what]
    case 'yarn':
      return ['yarn', 'global', 'add', what]
    case 'bun':
      return ['bun', 'add', '--global', what]
  }
}

/** As one would type it. */
export const shown = (command: readonly string[]): string => command.map(shellWord).join(' ')
