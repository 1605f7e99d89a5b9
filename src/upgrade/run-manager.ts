import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { findOnPath } from '../shared/find-on-path.ts'
import { OWN_PROJECT } from '../sidecars/download/npm-client.ts'
import type { ProgramEnd } from '../supervisor/run-program.ts'
import type { Managed } from './installation.ts'
import { whileNoted } from './manager-note.ts'
import { shown } from './managers.ts'
import { runOther, wordsOf } from './other-openwork.ts'
import { requireOwnFolders } from './own-folders.ts'
import { inScratchProject } from './scratch-project.ts'
import type { UpgradeOptions } from './upgrade-options.ts'

const INSTALL_LIMIT_MS = 15 * 60_000
const VERSION_LIMIT_MS = 30_000

/**
 * Has a package manager do this, and looks whether the command `openwork` is this version then. Resolves to what is wrong
 * with it, if something is.
 */
export async function runManager(
  installation: Managed,
  { version, command }: { version: string; command: readonly [string, ...string[]] },
  options: UpgradeOptions,
): Promise<string | undefined> {
  const { env, onOutput, scratchDir } = options
  const [, ...args] = command
  const manager = await requireManager(installation, options)
  const end = await uninterrupted(installation, command, options, () =>
    inScratchProject(scratchDir, folder =>
      whileNoted(scratchDir, installation.manager, onStarted =>
        run(manager, installation.manager === 'npm' ? [...args, ...OWN_PROJECT] : args, {
          env: managerEnvironment(env, dirname(manager)),
          limitMs: INSTALL_LIMIT_MS,
          cwd: folder,
          outputFile: join(folder, 'output'),
          onStarted,
        }),
      ),
    ),
  )
  onOutput(`${end.stdout}${end.stderr}`)
  if (end.code !== 0) return wordsOf(end)
  const installed = (await programOf(installation)) ?? (await findOnPath(namesOf('openwork'), env))
  if (installed === undefined) return 'there is no openwork on PATH after it'
  const asked = await run(installed, ['--version'], { env, limitMs: VERSION_LIMIT_MS })
  if (asked.code === 0 && asked.stdout.trim() === version) return undefined
  return `${installed} --version answers ${asked.code === 0 ? asked.stdout.trim() : wordsOf(asked)}, expected ${version}`
}

/** A manager that is cut off leaves less than it found: it is waited for, and goes on without somebody who does not wait. */
async function uninterrupted<Result>(
  { manager }: Managed,
  command: readonly string[],
  { signal, onStep, onOutcome }: UpgradeOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const onAbort = (): void => onStep(`Waiting for ${manager} to end: what it does cannot be cut off safely`)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  onOutcome(`${manager} goes on by itself; if \`openwork --version\` fails afterwards, run \`${shown(command)}\``)
  try {
    return await work()
  } finally {
    signal.removeEventListener('abort', onAbort)
    onOutcome(undefined)
  }
}

/** @throws OpenworkError `upgrade_not_possible` when it is not there any more, or would run what others can put above us */
export async function requireManager(
  installation: Managed,
  { env, scratchDir }: Pick<UpgradeOptions, 'env' | 'scratchDir'>,
): Promise<string> {
  const { manager } = installation
  if (manager === 'yarn') await requireOwnFolders(scratchDir)
  const found = (await npmOf(installation)) ?? (await findOnPath(namesOf(manager), env))
  if (found !== undefined) return found
  throw new OpenworkError('upgrade_not_possible', `${manager}, which installed this openwork, was not found on PATH`, {
    hint: `Put ${manager} on PATH, and call \`openwork upgrade\` again.`,
  })
}

/** The npm that belongs to the prefix: with several Nodes the one on PATH may be another. */
const npmOf = ({ manager, prefix }: Managed): Promise<string | undefined> =>
  manager === 'npm' && prefix !== undefined ? firstFile(binOf(prefix, 'npm')) : Promise.resolve(undefined)

const programOf = ({ prefix }: Managed): Promise<string | undefined> =>
  prefix === undefined ? Promise.resolve(undefined) : firstFile(binOf(prefix, 'openwork'))

const binOf = (prefix: string, name: string): string[] =>
  process.platform === 'win32' ? [join(prefix, `${name}.cmd`)] : [join(prefix, 'bin', name)]

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      if ((await stat(path)).isFile()) return path
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
    }
  }
  return undefined
}

const namesOf = (name: string): string[] => (process.platform === 'win32' ? [`${name}.cmd`, `${name}.exe`] : [name])

/** A batch file on Windows is a matter for cmd.exe; nothing in these arguments needs quoting for it. */
function run(program: string, args: readonly string[], options: Parameters<typeof runOther>[1]): Promise<ProgramEnd> {
  const isBatch = program.toLowerCase().endsWith('.cmd')
  return runOther(isBatch ? ['cmd.exe', '/d', '/s', '/c', program, ...args] : [program, ...args], options)
}

/** Our own secrets, and what would change how Node or Bun programs run. */
const NOT_FOR_MANAGERS = /^(?:OPENWORK_|OPENCODE_|NODE_OPTIONS$|BUN_OPTIONS$|BUN_BE_BUN$)/i

function managerEnvironment(env: UpgradeOptions['env'], folder: string): UpgradeOptions['env'] {
  const passed = Object.fromEntries(Object.entries(env).filter(([key]) => !NOT_FOR_MANAGERS.test(key)))
  const pathKey = Object.keys(passed).find(key => key.toUpperCase() === 'PATH') ?? 'PATH'
  // A manager starts `node` by name: the one it was installed with is beside it.
  return { ...passed, [pathKey]: `${folder}${process.platform === 'win32' ? ';' : ':'}${passed[pathKey] ?? ''}` }
}
