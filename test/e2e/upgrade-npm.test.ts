import { afterAll, beforeAll, expect } from 'bun:test'
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assemblePackages } from '../../build/packages.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { type NpmRegistry, startNpmRegistry } from '../fixtures/npm-registry.ts'
import { compileVersion } from '../fixtures/other-version.ts'
import { seedOpencode } from '../fixtures/seed-opencode.ts'
import { eventually, failureOf, newWorld, OPENWORK, type RunOptions, testUnless } from './harness.ts'

const NEXT = '98.7.6'
const BROKEN = '99.0.0'
const LIMIT_MS = 180_000
const skipped = process.platform === 'win32' ? 'npm is a batch file there' : undefined

let folder: string
let registry: NpmRegistry
/** What people install of NEXT, as it was published; the executable that it needs takes long to pack, this does not. */
let nextAsItIs: string

beforeAll(async () => {
  if (skipped) return
  folder = await mkdtemp(join(tmpdir(), 'openwork-published-'))
  registry = await startNpmRegistry()
  const next = await compileVersion(NEXT, join(folder, 'next'))
  await publish(VERSION, OPENWORK)
  nextAsItIs = await publish(NEXT, next)
}, LIMIT_MS)

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** Publishes both packages of a version. Resolves to the folder of the one that people install. */
async function publish(version: string, executable: string): Promise<string> {
  const machine = await findMachine()
  if (!machine) throw new Error('no package for this machine')
  const folders = await assemblePackages(join(folder, version), [{ ...machine, executable }])
  for (const each of folders) {
    await changeManifest(each, ({ optionalDependencies = {}, ...manifest }) => {
      for (const name of Object.keys(optionalDependencies)) optionalDependencies[name] = version
      return { ...manifest, optionalDependencies, version }
    })
    await registry.publish(each)
  }
  return folders.at(-1) ?? ''
}

/** Publishes NEXT once more, with a launcher that starts nothing. */
async function publishBrokenLauncher(): Promise<void> {
  const broken = join(folder, 'broken-launcher')
  await cp(nextAsItIs, broken, { recursive: true })
  const launcher = "#!/usr/bin/env node\nconsole.error('a launcher without a manual')\nprocess.exitCode = 1\n"
  await writeFile(join(broken, 'bin', 'openwork.cjs'), launcher)
  // A postinstall would put the executable in the place of the launcher that is to be broken.
  await changeManifest(broken, ({ scripts: _, ...manifest }) => manifest)
  await registry.publish(broken)
}

type Manifest = { scripts?: unknown; optionalDependencies?: Record<string, string> }

async function changeManifest(folder: string, change: (manifest: Manifest) => object): Promise<void> {
  const file = join(folder, 'package.json')
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))))
}

/** A world in which npm has installed this version globally, under a prefix that is not the one of the npm on PATH. */
async function installedByNpm() {
  const world = await newWorld()
  const prefix = join(world.home, 'prefix')
  await mkdir(prefix)
  await seedOpencode(join(world.dataDir, 'sidecars'))
  Object.assign(world.env, { npm_config_registry: `${registry.url}/`, npm_config_offline: 'false' })
  const npm = Bun.which('npm') ?? 'npm'
  const args = ['install', '--global', '--prefix', prefix, `openwork-orchestrator@${VERSION}`]
  const end = await world.run(args, { program: [npm] })
  if (end.code !== 0) throw new Error(end.stderr)
  const options: RunOptions = { program: [join(prefix, 'bin', 'openwork')] }
  return {
    world,
    prefix,
    options,
    version: async () => (await world.run(['--version'], options)).stdout.trim(),
  }
}

testUnless(skipped)(
  'an openwork that npm installed is upgraded by npm, after a trial, and goes back when that fails',
  async () => {
    await publishBrokenLauncher()
    const { world, prefix, options, version } = await installedByNpm()
    await using _world = world
    const command = `npm install --global --prefix ${prefix} openwork-orchestrator@${NEXT}`

    const check = await world.run(['upgrade', '--check', '--json'], options)
    expect(JSON.parse(check.stdout)).toMatchObject({
      current: VERSION,
      latest: NEXT,
      upgradeAvailable: true,
      method: 'managed',
      manager: 'npm',
      command,
    })

    const failure = await failureOf(world, ['upgrade'], options)
    expect(failure).toMatchObject({ exitCode: 1, code: 'upgrade_failed' })
    expect(failure.error).toContain('a launcher without a manual')
    expect(failure.hint).toBe(`openwork ${VERSION} is installed again.`)
    expect(await version()).toBe(VERSION)

    await registry.publish(nextAsItIs)
    const end = await world.run(['upgrade'], options)
    expect([end.code, end.stderr]).toEqual([0, expect.stringContaining(`Running ${command}`)])
    expect(end.stdout).toContain(`openwork ${NEXT} is installed, with opencode`)
    expect(await version()).toBe(NEXT)

    const back = await world.run(['upgrade', '--rollback', '--json'], options)
    expect([back.code, JSON.parse(back.stdout).version]).toEqual([0, VERSION])
    expect(await version()).toBe(VERSION)
  },
  LIMIT_MS,
)

testUnless(skipped)(
  'settings and plugins that somebody else put into the folder for temporary files count for nothing',
  async () => {
    const { world, options, version } = await installedByNpm()
    await using _world = world
    const shared = join(world.home, 'tmp-of-everybody')
    const ran = join(shared, 'ran')
    await mkdir(join(shared, '.opencode', 'plugin'), { recursive: true })
    const plugin = `export const Theirs = async () => { await Bun.write(${JSON.stringify(ran)}, 'x'); return {} }`
    await writeFile(join(shared, '.opencode', 'plugin', 'theirs.js'), plugin)
    await writeFile(join(shared, 'package.json'), '{"workspaces":["*"]}')
    await writeFile(join(shared, '.npmrc'), 'registry=http://127.0.0.1:1/theirs/\n')
    // In the user's own file it has less weight than in that of a project.
    await writeFile(join(world.home, '.npmrc'), `registry=${registry.url}/\n`)
    delete world.env.npm_config_registry
    world.env.TMPDIR = shared
    await registry.publish(nextAsItIs)

    const end = await world.run(['upgrade'], options)

    expect([end.code, end.stderr]).toEqual([0, expect.stringContaining('Running npm install')])
    expect(await version()).toBe(NEXT)
    expect(await Bun.file(ran).exists()).toBe(false)
    expect((await readdir(shared)).sort()).toEqual(['.npmrc', '.opencode', 'package.json'])
  },
  LIMIT_MS,
)

testUnless(skipped)(
  'npm is not cut off in the middle of its work, however often it is interrupted',
  async () => {
    const { world, prefix, options, version } = await installedByNpm()
    await using _world = world
    await registry.publish(nextAsItIs)
    const [gate, ended] = [join(world.home, 'gate'), join(world.home, 'ended')]
    const wait = `until [ -e ${gate} ]; do sleep 0.1; done`
    const npm = `#!/bin/sh\n${wait}\n${Bun.which('npm')} "$@"\necho and it can still speak\ntouch ${ended}\n`
    await writeFile(join(prefix, 'bin', 'npm'), npm, { mode: 0o755 })
    const running = world.start(['upgrade'], options)
    await running.prints(/Running npm install/, 'stderr')

    running.signal('SIGINT')
    await running.prints(/Waiting for npm to end/, 'stderr')
    const again = setInterval(() => running.signal('SIGINT'), 100)
    const end = await running.exited
    clearInterval(again)

    expect([end.code, end.stderr]).toEqual([130, expect.stringContaining('npm goes on by itself')])
    expect(await failureOf(world, ['upgrade', '--to', NEXT], options)).toMatchObject({
      code: 'upgrade_not_possible',
      error: expect.stringMatching(/^npm \(pid \d+\) still runs/),
    })
    await writeFile(gate, '')
    await eventually('npm has ended', () => Bun.file(ended).exists())
    expect(await version()).toBe(NEXT)
    const back = await world.run(['upgrade', '--rollback'], options)
    expect([back.code, back.stderr]).toEqual([0, expect.stringContaining('Running npm install')])
    expect(await version()).toBe(VERSION)
  },
  LIMIT_MS,
)

testUnless(skipped)(
  'without the manager that installed it nothing is fetched',
  async () => {
    const { world, prefix, options, version } = await installedByNpm()
    await using _world = world
    const elsewhere = join(world.home, '.bun', 'install', 'global')
    await mkdir(join(world.home, '.bun', 'install'), { recursive: true })
    await rename(join(prefix, 'lib'), elsewhere)
    const tools = join(world.home, 'tools')
    await mkdir(tools)
    for (const name of ['node', 'npm']) await symlink(Bun.which(name) ?? name, join(tools, name))
    const bun: RunOptions = {
      program: [join(elsewhere, 'node_modules', 'openwork-orchestrator', 'bin', 'openwork.cjs')],
      env: { PATH: tools },
    }

    const failure = await failureOf(world, ['upgrade', '--to', NEXT], bun)

    expect(failure).toMatchObject({ exitCode: 1, code: 'upgrade_not_possible' })
    expect(failure.error).toStartWith('bun, which installed this openwork')
    await rename(elsewhere, join(prefix, 'lib'))
    expect(await version()).toBe(VERSION)
    expect((await failureOf(world, ['upgrade', '--rollback'], options)).code).toBe('upgrade_not_possible')
  },
  LIMIT_MS,
)

testUnless(skipped)(
  'npm is not called when the version fails its trial',
  async () => {
    const { world, options, version } = await installedByNpm()
    await using _world = world
    const program = join(folder, 'broken')
    await writeFile(
      program,
      `#!/bin/sh\n[ "$1" = --version ] && echo ${BROKEN} && exit\necho no memory left >&2\nexit 3\n`,
    )
    await chmod(program, 0o755)
    await publish(BROKEN, program)

    const { code, stdout, stderr } = await world.run(['upgrade', '--to', BROKEN, '--json'], options)

    expect([code, JSON.parse(stdout)]).toEqual([1, expect.objectContaining({ code: 'upgrade_failed' })])
    expect(JSON.parse(stdout).error).toContain('no memory left')
    expect(stderr).not.toContain('npm install')
    expect(await version()).toBe(VERSION)
    expect(await failureOf(world, ['upgrade', '--to', '97.0.0'], options)).toMatchObject({
      code: 'upgrade_failed',
      error: expect.stringContaining('openwork 97.0.0 could not be had'),
      hint: expect.stringContaining('npm view openwork-orchestrator versions'),
    })
  },
  LIMIT_MS,
)
