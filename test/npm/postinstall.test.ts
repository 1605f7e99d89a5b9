import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { cp, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OPENWORK } from '../e2e/harness.ts'
import { good, startMirror, status } from '../fixtures/mirror.ts'
import { ASSET, newPackageFolder, type PackageFolder, PLATFORM_PACKAGE, PROGRAM } from './package-folder.ts'
import { runToEnd } from './run-to-end.ts'

const BYTES = new TextEncoder().encode(PROGRAM)
const BY_NPM = { npm_config_user_agent: 'npm/11.0.0 node/v22.0.0 linux x64 workspaces/false' }

/** Puts the platform package beside ours, where Node finds it. */
async function installPlatform({ meta, platform }: PackageFolder): Promise<string> {
  const installed = join(dirname(meta), PLATFORM_PACKAGE)
  await cp(platform, installed, { recursive: true })
  return join(installed, 'bin', 'openwork')
}

const launcherOf = ({ meta }: PackageFolder): string => join(meta, 'bin', 'openwork.cjs')
const isReplaced = async (folder: PackageFolder): Promise<boolean> =>
  !(await readFile(launcherOf(folder), 'utf8')).startsWith('#!/usr/bin/env node')

describe('the install script', () => {
  test.each(['npm/10.9.0 node/v20.0.0 linux x64', 'bun/1.4.5 npm/? node/v24.3.0 linux x64'])(
    'puts the executable in the launcher’s place under %s, again and again, without taking more space',
    async agent => {
      await using folder = await newPackageFolder()
      const executable = await installPlatform(folder)

      for (let times = 0; times < 2; times += 1) {
        const run = await folder.postinstall({ npm_config_user_agent: agent })
        expect(run).toEqual({ code: 0, stdout: '', stderr: '' })
        expect((await stat(launcherOf(folder))).ino).toBe((await stat(executable)).ino)
      }
      expect((await readdir(folder.meta)).filter(name => name.startsWith('.'))).toEqual([])
      const started = await runToEnd([launcherOf(folder), 'x'], { cwd: folder.root, env: folder.env })
      expect(started.stdout).toBe('program x\n')
    },
  )

  test.each<[string, Record<string, string>]>([
    ['under pnpm, whose commands run node', { npm_config_user_agent: 'pnpm/12.21.0 npm/? node/v22.0.0 linux x64' }],
    ['under Yarn', { npm_config_user_agent: 'yarn/1.22.22 npm/? node/v20.0.0 linux x64' }],
    ['under nobody', {}],
    ['for another platform', { ...BY_NPM, npm_config_cpu: 'mips' }],
    ['for somebody who names an executable', { ...BY_NPM, OPENWORK_ORCHESTRATOR_BIN_PATH: '/bin/sh' }],
  ])('leaves the launcher alone %s', async (_, env) => {
    await using folder = await newPackageFolder()
    await installPlatform(folder)

    expect(await folder.postinstall(env)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await isReplaced(folder)).toBe(false)
  })

  test('leaves a launcher alone that is somebody’s source', async () => {
    await using folder = await newPackageFolder()
    await installPlatform(folder)
    const source = join(folder.root, 'checkout')
    await rename(folder.meta, source)

    const env = { ...folder.env, ...BY_NPM, NODE_PATH: dirname(folder.meta) }
    expect((await runToEnd(['node', 'postinstall.cjs'], { cwd: source, env })).code).toBe(0)
    expect(await readFile(join(source, 'bin', 'openwork.cjs'), 'utf8')).toStartWith('#!/usr/bin/env node')
  })

  test('leaves the launcher alone when the executable does not run here', async () => {
    await using folder = await newPackageFolder()
    await writeFile(await installPlatform(folder), '#!/no/such/interpreter\n')

    expect((await folder.postinstall(BY_NPM)).code).toBe(0)
    expect(await isReplaced(folder)).toBe(false)
  })

  test('fetches what the platform package would have brought', async () => {
    await using mirror = await startMirror({ [ASSET]: good(BYTES) })
    await using folder = await newPackageFolder()

    const run = await folder.postinstall({ ...BY_NPM, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin })

    expect(run.code).toBe(0)
    expect(existsSync(folder.fetched.inPackage)).toBe(true)
    expect(await isReplaced(folder)).toBe(true)
  })

  test('never fails an installation, and says what will happen instead', async () => {
    await using mirror = await startMirror({ [ASSET]: status(403) })
    await using folder = await newPackageFolder()

    const run = await folder.postinstall({ ...BY_NPM, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin })

    expect(run).toMatchObject({ code: 0, stdout: '' })
    expect(run.stderr).toContain('HTTP 403')
    expect(run.stderr).toEndWith('This does not fail the installation: `openwork` tries again when it is run.\n')
    expect(await isReplaced(folder)).toBe(false)
  })

  test('fails nothing when another installation in the same folder takes its files away', async () => {
    await using folder = await newPackageFolder()
    await rm(join(folder.meta, 'lib'), { recursive: true })

    const run = await folder.postinstall()

    expect(run.code).toBe(0)
    expect(run.stderr).toContain('Cannot find module')
  })

  test('asks nobody when the installation is offline', async () => {
    await using mirror = await startMirror({ [ASSET]: good(BYTES) })
    await using folder = await newPackageFolder()

    const env = { npm_config_offline: 'true', OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin }
    const run = await folder.postinstall(env)

    expect(run.code).toBe(0)
    expect(run.stderr).toContain('`openwork` fetches it when it is run with a network')
    expect(mirror.requests).toEqual([])
  })

  test('works twice at once in the same folder', async () => {
    await using mirror = await startMirror({ [ASSET]: good(BYTES) })
    await using folder = await newPackageFolder()
    const env = { ...BY_NPM, OPENWORK_ORCHESTRATOR_DOWNLOAD_BASE_URL: mirror.origin }

    const runs = await Promise.all([1, 2, 3].map(() => folder.postinstall(env)))

    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(mirror.requests).toHaveLength(1)
    expect(await isReplaced(folder)).toBe(true)
  })
})

describe('the executable in the launcher’s place', () => {
  test('runs the executable that is named, or tells why not, as the launcher does', async () => {
    await using folder = await newPackageFolder()
    const installed = join(folder.root, 'bin', 'openwork.cjs')
    await mkdir(dirname(installed))
    await link(OPENWORK, installed).catch(() => cp(OPENWORK, installed)) // another file system
    const named = join(folder.root, 'named')
    await writeFile(named, PROGRAM, { mode: 0o755 })
    const run = (path: string, argument: string) => {
      const env = { ...folder.env, OPENWORK_ORCHESTRATOR_BIN_PATH: path }
      return runToEnd([installed, argument], { cwd: folder.root, env })
    }

    expect(await run(named, 'x')).toEqual({ code: 0, stdout: 'program x\n', stderr: '' })
    expect(await run(installed, '--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\./) })
    const missing = await run(`${named}-not`, 'x')
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain(`names ${named}-not, which does not exist`)
    await writeFile(named, 'not a program')
    const broken = await run(named, 'x')
    expect(broken).toMatchObject({ code: 1, stdout: '' })
    expect(broken.stderr).toContain(`${named} does not start`)
  })
})
