// The npm package as it is published, with a small program in the place of the executable.
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemblePackages } from '../../build/packages.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { executableAsset, platformName } from '../../src/sidecars/release/release.ts'
import { type Finished, runToEnd } from './run-to-end.ts'

/** Settings of somebody who has no npm; it takes a second to fail, where nothing depends on how. */
export const WITHOUT_NPM = { PATH: '/nowhere' }

const found = await findMachine()
if (!found) throw new Error('no package for this machine')
const machine = found

export const PLATFORM = platformName(machine)
export const PLATFORM_PACKAGE = `openwork-orchestrator-${PLATFORM}`
/** Path of the executable on a mirror. */
export const ASSET = `/${executableAsset(machine)}`
export const NODE = Bun.which('node') ?? 'node'

/** Says the version, as the executable does, and otherwise what it was given. */
export const PROGRAM = `#!/bin/sh
[ "$1" = --version ] && echo ${VERSION} || echo "program $*"
`

export type PackageFolder = {
  /** Holds everything else, the home folder included. */
  root: string
  home: string
  /** Where the package was installed to, `node_modules/openwork-orchestrator`; its platform package was not. */
  meta: string
  /** The folder of the platform package, outside of node_modules. */
  platform: string
  /** What it was made from. */
  executable: string
  env: Record<string, string>
  /** Where fetched executables go, in order. */
  fetched: { inPackage: string; inHome: string }
  /** In `root`, unless told otherwise. */
  launch(
    args: readonly string[],
    options?: { node?: string; cwd?: string; env?: Record<string, string> },
  ): Promise<Finished>
  postinstall(env?: Record<string, string>): Promise<Finished>
  [Symbol.asyncDispose](): Promise<void>
}

export async function newPackageFolder(program: string = PROGRAM): Promise<PackageFolder> {
  const root = await mkdtemp(join(tmpdir(), 'openwork-package-'))
  const modules = join(root, 'node_modules')
  const home = join(root, 'home')
  await mkdir(modules)
  await mkdir(home)
  const executable = join(root, 'program')
  await writeFile(executable, program)
  await chmod(executable, 0o755)
  const folders = await assemblePackages(join(root, 'packages'), [{ ...machine, executable }])
  const [platform = '', assembled = ''] = folders
  const meta = join(modules, 'openwork-orchestrator')
  await rename(assembled, meta)
  // Nothing here reaches the network: whoever means to fetch says from where.
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: home,
    npm_config_registry: 'http://127.0.0.1:1',
    npm_config_fetch_retries: '0',
    npm_config_update_notifier: 'false',
    OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: 'http://127.0.0.1:1',
  }
  const launcher = join(meta, 'bin', 'openwork.cjs')
  return {
    root,
    home,
    meta,
    platform,
    executable,
    env,
    fetched: {
      inPackage: join(meta, 'dist', 'bin', 'openwork'),
      inHome: join(home, '.openwork', 'openwork-orchestrator', 'bin', VERSION, 'openwork'),
    },
    launch: (args, { node = NODE, cwd = root, env: added = {} } = {}) =>
      runToEnd([node, launcher, ...args], { cwd, env: { ...env, ...added } }),
    postinstall: (added = {}) =>
      runToEnd([NODE, join(meta, 'postinstall.cjs')], { cwd: meta, env: { ...env, ...added } }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  }
}
