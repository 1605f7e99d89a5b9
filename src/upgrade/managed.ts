import { mkdir, mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { extractArchiveEntry } from '../sidecars/archive/extract-entry.ts'
import { findOnPath } from '../sidecars/find-on-path.ts'
import { runNpm } from '../sidecars/npm-client.ts'
import { npmPack } from '../sidecars/npm-pack.ts'
import { platformName } from '../sidecars/release.ts'
import type { ProgramEnd } from '../sidecars/run-program.ts'
import { findMachine } from '../sidecars/target.ts'
import type { Installation } from './installation.ts'
import { installCommand, PACKAGE, shown } from './managers.ts'
import { runOther, wordsOf } from './other-openwork.ts'
import { tryOut } from './trial.ts'
import { requireWritable, type UpgradeOptions } from './upgrade-options.ts'
import { parseVersion } from './version-order.ts'

const VIEW_LIMIT_MS = 60_000
const INSTALL_LIMIT_MS = 15 * 60_000
const VERSION_LIMIT_MS = 30_000
const MAX_BYTES = 512 * 1024 ** 2

export type Managed = Extract<Installation, { kind: 'managed' }>

/**
 * The newest published version, or this one, by the user's own npm client: their registry, proxy and credentials apply.
 *
 * @throws OpenworkError `upgrade_failed` when there is no such version; what npm says
 */
export async function findPublished(wanted: string | undefined, { env, signal }: UpgradeOptions): Promise<string> {
  const what = wanted === undefined ? PACKAGE : `${PACKAGE}@${wanted}`
  return await inFolder(async folder => {
    const { stdout } = await runNpm(['view', what, 'version', '--json'], {
      cwd: folder,
      env,
      limitMs: VIEW_LIMIT_MS,
      signal,
    })
    const found: unknown = stdout.trim() === '' ? undefined : JSON.parse(stdout)
    if (typeof found === 'string') return parseVersion(found, `The version of ${PACKAGE} in the registry`)
    throw new OpenworkError('upgrade_failed', `The registry that npm uses has no ${what}`, {
      hint: `See what it has with \`npm view ${PACKAGE} versions\`.`,
    })
  })
}

/**
 * Tries a version in a folder of its own, then has its package manager install it.
 *
 * @throws OpenworkError `upgrade_not_possible`, `upgrade_failed`, after which the version of before is installed; what
 *   fetching a package throws; the reason of an aborted `signal`
 */
export async function installPackage(
  installation: Managed,
  { version, current }: { version: string; current: string },
  options: UpgradeOptions,
): Promise<{ opencode: string }> {
  const command = commandOf(installation, version)
  await requireWritable(packagesOf(installation.path), shown(command))
  const { opencode } = await inFolder(async folder =>
    tryOut(await unpackPlatform(version, folder, options), { ...options, version }),
  )
  options.signal.throwIfAborted()
  await switchTo(installation, { version, current }, options)
  return { opencode }
}

/**
 * Has the package manager install a version, and the one of before when that does not work out.
 * @throws OpenworkError `upgrade_failed`
 */
export async function switchTo(
  installation: Managed,
  { version, current }: { version: string; current: string },
  options: UpgradeOptions,
): Promise<void> {
  const { onStep } = options
  const command = commandOf(installation, version)
  onStep(`Running ${shown(command)}`)
  // Not ended by a signal of ours: a manager that is cut off leaves less than it found.
  const problem = await problemOf(installation, { version, command }, options)
  if (problem === undefined) return
  const back = commandOf(installation, current)
  onStep(`Running ${shown(back)}`)
  const left = await problemOf(installation, { version: current, command: back }, options)
  throw new OpenworkError('upgrade_failed', `${shown(command)}: ${problem}`, {
    hint:
      left === undefined
        ? `openwork ${current} is installed again.`
        : `openwork ${current} could not be installed again (${left}): run \`${shown(back)}\`.`,
  })
}

export const commandOf = ({ manager, prefix }: Managed, version: string): [string, ...string[]] =>
  installCommand(manager, version, prefix)

/** What came of it, other than that this version answers now. */
async function problemOf(
  installation: Managed,
  { version, command }: { version: string; command: readonly [string, ...string[]] },
  { env, onOutput }: UpgradeOptions,
): Promise<string | undefined> {
  const [name, ...args] = command
  const manager = (await npmOf(installation)) ?? (await findOnPath(namesOf(name), env))
  if (manager === undefined) return `${name} was not found on PATH`
  const end = await inFolder(folder =>
    run(manager, args, { env: managerEnvironment(env, dirname(manager)), limitMs: INSTALL_LIMIT_MS, cwd: folder }),
  )
  onOutput(`${end.stdout}${end.stderr}`)
  if (end.code !== 0) return wordsOf(end)
  const installed = (await programOf(installation)) ?? (await findOnPath(namesOf('openwork'), env))
  if (installed === undefined) return 'there is no openwork on PATH after it'
  const asked = await run(installed, ['--version'], { env, limitMs: VERSION_LIMIT_MS })
  if (asked.code === 0 && asked.stdout.trim() === version) return undefined
  return `${installed} --version answers ${asked.code === 0 ? asked.stdout.trim() : wordsOf(asked)}, expected ${version}`
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
function run(
  program: string,
  args: readonly string[],
  options: { env: UpgradeOptions['env']; limitMs: number; cwd?: string },
): Promise<ProgramEnd> {
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

/** The executable of the package for this machine, unpacked in `folder`. */
async function unpackPlatform(version: string, folder: string, options: UpgradeOptions): Promise<string> {
  const machine = await findMachine()
  if (machine === undefined)
    throw new OpenworkError('platform_not_supported', `openwork is not made for ${process.platform}-${process.arch}`)
  const { env, signal } = options
  const name = `${PACKAGE}-${platformName(machine)}`
  options.onStep(`Fetching ${name}@${version} with npm`)
  const archive = await npmPack({ name, version }, folder, { env, signal })
  const file = machine.os === 'windows' ? 'openwork.exe' : 'openwork'
  const path = join(folder, file)
  {
    await using handle = await open(path, 'w', 0o755)
    const write = (bytes: Uint8Array) => handle.writeFile(bytes)
    await extractArchiveEntry(archive, {
      archive: 'tgz',
      entry: `package/bin/${file}`,
      maxBytes: MAX_BYTES,
      write,
      signal,
    })
    await handle.sync()
  }
  await rm(archive)
  return path
}

/** The folder into which the manager puts packages; nothing but its parent matters. */
const packagesOf = (path: string): string =>
  `${path.slice(0, path.replaceAll('\\', '/').indexOf('/node_modules/'))}/node_modules/.`

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-upgrade-'))
  try {
    // Without it npm walks up and reads the settings of whatever project it finds.
    await writeFile(join(folder, 'package.json'), '{"private":true}\n', { mode: 0o600 })
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const previousFile = (dataDir: string): string => join(dataDir, 'previous-openwork.json')

/** What is installed now, for a rollback after the upgrade that is to come. */
export async function rememberVersion(dataDir: string, version: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const { default: writeFileAtomic } = await import('write-file-atomic')
  await writeFileAtomic(previousFile(dataDir), `${JSON.stringify({ version })}\n`, { mode: 0o600 })
}

/** @throws OpenworkError `upgrade_not_possible` when no upgrade was made */
export async function rememberedVersion(dataDir: string): Promise<string> {
  let text = ''
  try {
    text = await readFile(previousFile(dataDir), 'utf8')
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw error
  }
  const version = /"version":\s*"([^"]*)"/.exec(text)?.[1]
  if (version !== undefined) return parseVersion(version, `The version in ${previousFile(dataDir)}`)
  throw new OpenworkError('upgrade_not_possible', 'It is not known which openwork was installed before', {
    hint: 'Choose a version with `openwork upgrade --to <version>`.',
  })
}
