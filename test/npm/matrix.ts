// One installation of the packed packages by a real package manager, and what became of the command.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemblePackages } from '../../build/packages.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { executableAsset } from '../../src/sidecars/release/release.ts'
import { good, type Mirror, startMirror } from '../fixtures/mirror.ts'
import { type NpmRegistry, startNpmRegistry } from '../fixtures/npm-registry.ts'
import type { Manager, Setup, Site } from './managers.ts'
import { type Finished, runToEnd } from './run-to-end.ts'
import { fetchTool } from './tools.ts'

/** How the command starts after an installation. */
export type Outcome =
  /** The executable itself. */
  | 'native'
  /** Node with the launcher, which finds it. */
  | 'launcher'
  /** The same, after the install script or the first run has fetched it. */
  | 'native, fetched'
  | 'launcher, fetched'
  | 'launcher, fetched at first run'

/** What installations are made from: a registry with our packages, and a mirror of the release. */
export type Source = { registry: NpmRegistry; mirror: Mirror; bytes: Uint8Array; asset: string } & AsyncDisposable

export async function startSource(executable: string): Promise<Source> {
  const machine = await findMachine()
  if (!machine) throw new Error('no package for this machine')
  const packages = await mkdtemp(join(tmpdir(), 'openwork-packages-'))
  const registry = await startNpmRegistry()
  const mirror = await startMirror()
  const dispose = async (): Promise<void> => {
    await Promise.all([registry[Symbol.asyncDispose](), mirror.stop(), rm(packages, { recursive: true, force: true })])
  }
  try {
    for (const each of await assemblePackages(packages, [{ ...machine, executable }])) await registry.publish(each)
  } catch (error) {
    await dispose()
    throw error
  }
  const bytes = await readFile(executable)
  return { registry, mirror, bytes, asset: executableAsset(machine), [Symbol.asyncDispose]: dispose }
}

/** What is installed in the four ways of a place, in the order of the table's columns. */
export const WAYS: readonly Pick<Setup, 'scripts' | 'optional'>[] = [
  { scripts: true, optional: true },
  { scripts: true, optional: false },
  { scripts: false, optional: true },
  { scripts: false, optional: false },
]

/**
 * Installs, runs the command twice, installs `again` where that is wanted, and runs it, uninstalls. Throws with the
 * manager's own words when anything of that fails, or the command is not ours, or is left.
 */
export async function install(
  manager: Manager,
  setup: Setup,
  source: Source,
  { again }: { again: boolean },
): Promise<Outcome> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-install-')))
  try {
    const site = await newSite(root, setup, manager, source.registry.url)
    const path = `/${root.split('/').at(-1)}`
    source.mirror.set(`${path}/${source.asset}`, good(source.bytes, { etag: '"1"' }))
    const run = await runner(manager, site, `${source.mirror.origin}${path}`)
    const fetched = (): number => source.mirror.requestsOf(`${path}/${source.asset}`).length
    const command = manager.command(setup, site)
    const version = () =>
      typeof command === 'string' ? run.program([command, '--version']) : run.manager([...command.args, '--version'])

    await succeeds(run.manager(manager.install(setup, site)))
    const byScript = fetched()
    for (let times = 0; times < 2; times += 1) await saysVersion(version())
    const how = await howItStarts(command, source.bytes)
    const outcome = outcomeOf(how, byScript, fetched())

    if (again) {
      await succeeds(run.manager(manager.install(setup, site)))
      await saysVersion(version())
    }
    await succeeds(run.manager(manager.uninstall(setup, site)))
    if (typeof command === 'string' ? existsSync(command) : (await version()).code === 0)
      throw new Error('the command is still there after its package was uninstalled')
    return outcome
  } catch (error) {
    const how = `${setup.scripts ? '' : 'no '}scripts, ${setup.optional ? '' : 'no '}optional dependencies`
    throw new Error(`${manager.name}, ${setup.place}, ${how}: ${error instanceof Error ? error.message : error}`)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

export async function newSite(root: string, setup: Setup, manager: Manager, registry: string): Promise<Site> {
  const site = { home: join(root, 'home'), project: join(root, 'project'), prefix: join(root, 'prefix'), registry }
  for (const folder of [site.home, site.project, site.prefix]) await mkdir(folder)
  await writeFile(join(site.home, '.npmrc'), `registry=${registry}/\n`)
  const files = { 'package.json': '{"private":true}', ...manager.files?.(setup) }
  for (const [name, text] of Object.entries(files)) await writeFile(join(site.project, name), `${text}\n`)
  return site
}

/** Runs programs as the user of a site. */
export async function runner(manager: Manager, site: Site, mirror: string) {
  const node = manager.needsNewNode ? await fetchTool('node 24') : (Bun.which('node') ?? 'node')
  const programs = join(site.home, 'programs')
  await mkdir(programs)
  await symlink(node, join(programs, 'node'))
  const env = {
    PATH: [programs, join(site.prefix, 'bin'), '/usr/bin', '/bin'].join(':'),
    HOME: site.home,
    CI: '1', // nobody is there to answer a question
    npm_config_update_notifier: 'false',
    OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror,
    ...manager.env?.(site),
  }
  const { path, isScript } = await manager.program()
  const program = (argv: readonly string[]) => runToEnd(argv, { cwd: site.project, env })
  return { program, manager: (args: string[]) => program([...(isScript ? [node] : []), path, ...args]) }
}

async function succeeds(running: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await running
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}\n${stderr}`)
  return stdout
}

async function saysVersion(running: Promise<Finished>): Promise<void> {
  const { code, stdout, stderr } = await running
  if (code !== 0 || stdout !== `${VERSION}\n`)
    throw new Error(`\`openwork --version\` ended with ${code} and said ${JSON.stringify(stdout)}\n${stderr}`)
}

function outcomeOf(how: 'native' | 'launcher', byScript: number, inAll: number): Outcome {
  if (inAll > 1) throw new Error(`fetched ${inAll} times`)
  if (inAll === 0) return how
  return byScript === 0 ? 'launcher, fetched at first run' : `${how}, fetched`
}

/** Without a command of its own, it is run by the manager, which runs Node. */
export async function howItStarts(
  command: ReturnType<Manager['command']>,
  executable: Uint8Array,
): Promise<'native' | 'launcher'> {
  if (typeof command !== 'string') return 'launcher'
  const start = executable.subarray(0, 1024)
  const file = await open(command)
  try {
    const { buffer } = await file.read(Buffer.alloc(start.length), 0, start.length, 0)
    return buffer.equals(start) ? 'native' : 'launcher'
  } finally {
    await file.close()
  }
}
