// `openwork --version` through the command that npm installs, against the bare executable: what the launcher costs.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { npmPack } from '../../build/npm.ts'
import { assemblePackages } from '../../build/packages.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { OPENWORK } from '../../test/e2e/harness.ts'
import { fetchTool, whyNoTools } from '../../test/npm/tools.ts'
import { inTurns, type Measurement, median } from './measure.ts'

/**
 * The launcher is held against an empty script plus the executable: Node's own start is not ours to make quicker. Warm
 * runs follow each other. Before a cold one, Linux is asked to forget the pages of all files that it reads, which it does
 * as far as no other process has them mapped; the disk may still know them.
 */
export async function measureLauncher(rounds: number): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-bench-npm-'))
  try {
    const tarballs = await packAll(join(folder, 'packages'))
    const native = await installGlobally(join(folder, 'native'), tarballs)
    const launcher = await installGlobally(join(folder, 'launcher'), tarballs, '--ignore-scripts')
    const empty = join(folder, 'empty.cjs')
    await writeFile(empty, '')
    const node = Bun.which('node') ?? 'node'
    const becomes = (await whyNoTools(['node 24'])) ? undefined : await fetchTool('node 24')
    const files = [node, becomes ?? node, empty, ...(await filesOf(folder))]
    const command =
      (isCold: boolean, ...argv: string[]) =>
      () =>
        wallMs(argv, isCold ? files : [])

    const measured: Measurement[] = []
    for (const isCold of process.platform === 'linux' ? [false, true] : [false]) {
      // Without a Node 24 there is nothing to tell of it.
      const newNode = becomes ?? node
      const samples = await inTurns(rounds, {
        bare: command(isCold, OPENWORK, '--version'),
        native: command(isCold, native, '--version'),
        empty: command(isCold, node, empty),
        launcher: command(isCold, node, launcher, '--version'),
        emptyNew: command(isCold, newNode, empty),
        launcherNew: command(isCold, newNode, launcher, '--version'),
      })
      const when = isCold ? 'cold' : 'warm'
      const bare = median(samples.bare)
      measured.push({
        name: `openwork --version, ${when}, npm’s command in the launcher’s place`,
        unit: 'ms',
        value: median(samples.native),
        floor: { name: 'the executable', value: bare },
        // Cold runs wait for a disk that others use too: their numbers are told.
        ...(!isCold && { budget: { of: 'ratio' as const, atMost: 1.5 } }),
      })
      const launchers = [
        { how: 'with Node as its parent', own: samples.launcher, alone: samples.empty },
        { how: 'in the place of Node 24', own: samples.launcherNew, alone: samples.emptyNew },
      ]
      for (const { how, own, alone } of becomes ? launchers : launchers.slice(0, 1))
        measured.push({
          name: `openwork --version, ${when}, by the launcher, ${how}`,
          unit: 'ms',
          value: median(own),
          floor: { name: 'an empty script + the executable', value: median(alone) + bare },
          ...(!isCold && { budget: { of: 'ratio' as const, atMost: 1.5 } }),
        })
    }
    return measured
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function packAll(folder: string): Promise<string[]> {
  const machine = await findMachine()
  if (!machine) throw new Error('no package for this machine')
  const tarballs: string[] = []
  for (const each of await assemblePackages(folder, [{ ...machine, executable: OPENWORK }]))
    tarballs.push(join(folder, await npmPack(each, folder)))
  return tarballs
}

/** Resolves to the path of the command. */
async function installGlobally(prefix: string, tarballs: string[], ...flags: string[]): Promise<string> {
  const argv = ['npm', 'install', '--global', '--offline', `--prefix=${prefix}`, ...flags, ...tarballs]
  const env = { PATH: process.env.PATH, HOME: dirname(prefix) }
  const { exitCode, stderr } = Bun.spawnSync(argv, { cwd: dirname(prefix), env, timeout: 60_000 })
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: exit code ${exitCode}\n${stderr}`)
  return process.platform === 'win32' ? join(prefix, 'openwork.cmd') : join(prefix, 'bin', 'openwork')
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const ours = entries.filter(entry => entry.isFile() && entry.parentPath.includes('node_modules'))
  return [OPENWORK, ...ours.map(entry => join(entry.parentPath, entry.name))]
}

/** From the spawn to the end. `forget` names files whose pages are dropped before. */
function wallMs(argv: string[], forget: string[]): number {
  // Without a count of blocks to copy, dd only tells the system that the file will not be needed.
  for (const file of forget) Bun.spawnSync(['dd', `if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
  const startedAt = performance.now()
  const { exitCode, stderr } = Bun.spawnSync(argv, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 })
  const took = performance.now() - startedAt
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: exit code ${exitCode}\n${stderr}`)
  return took
}
