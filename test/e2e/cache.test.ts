// `openwork cache …` with the executable as it is installed: nothing of the checkout counts as bundled.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { constants, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { exportArchive } from '../../src/sidecars/cache/cache-export.ts'
import type { WantedOpencode } from '../../src/sidecars/cache/cache-layout.ts'
import { OPENCODE_PINS } from '../../src/sidecars/pins/opencode-pins.generated.ts'
import { findMachine, planTarget } from '../../src/sidecars/pins/target.ts'
import { eventually, failureOf, newMoodyWorld, newWorld, OPENWORK, ROOT, testUnless, type World } from './harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from './small-disk.ts'

const { version } = OPENCODE_PINS
const [name = ''] = planTarget(await findMachine(), OPENCODE_PINS, {}).packages
const pin = OPENCODE_PINS.packages[name]
if (!pin) throw new Error(`${name} is not pinned`)
const WANTED: WantedOpencode = { name, version, pin }
const TARGET = name.replace('opencode-', '')
const BUILD = join('opencode', version, name, pin.file)
const OPENCODE = join(ROOT, 'node_modules', name, 'bin', pin.file)

/** A copy of the executable that nothing lies beside, and an archive that the one of the checkout exported. */
let shared: { folder: string; installed: string; bundle: string }
const whySmall = mkdtempSync(join(tmpdir(), 'openwork-disk-'))
const noSmallDisk = whyNoSmallDisk(whySmall)
rmSync(whySmall, { recursive: true })

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-cache-'))
  shared = { folder, installed: join(folder, 'bin', basename(OPENWORK)), bundle: join(folder, 'bundle.tgz') }
  await mkdir(dirname(shared.installed))
  await copyFile(OPENWORK, shared.installed, constants.COPYFILE_FICLONE)
  await using world = await newWorld()
  const exported = await world.run(['cache', 'export', shared.bundle, '--json'])
  expect(exported.code).toBe(0)
  expect(JSON.parse(exported.stdout)).toEqual({
    ok: true,
    path: shared.bundle,
    bytes: statSync(shared.bundle).size,
    items: [
      {
        path: `openwork-cache/opencode/${version}/${name}/${pin.file}`,
        name: 'opencode',
        version,
        target: TARGET,
        sha256: pin.sha256,
        bytes: pin.size,
      },
    ],
  })
}, 60_000)

afterAll(() => rm(shared.folder, { recursive: true, force: true }))

/** Every request to another machine is refused. */
const NO_NETWORK = Object.fromEntries(
  ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].map(variable => [variable, 'http://127.0.0.1:1']),
)

/** A machine without a network that has the executable and nothing else. */
async function newMachine() {
  const world = await newWorld()
  Object.assign(world.env, NO_NETWORK)
  const program = [shared.installed] as const
  const sidecars = join(world.dataDir, 'sidecars')
  return {
    world,
    sidecars,
    cache: (...args: string[]) => world.run(['cache', ...args], { program }),
    json: async (...args: string[]) => {
      const { code, stdout } = await world.run(['cache', ...args, '--json'], { program })
      return { exitCode: code, ...JSON.parse(stdout) }
    },
    /** Every file in the cache but the memory of hashes. */
    files: (): string[] => filesIn(sidecars),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }) // what comes and goes meanwhile is no failure
        .filter(entry => !entry.isDirectory())
        .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
        .filter(path => path !== 'verified.json')
        .sort()
    : []

describe('a machine without a network', () => {
  test('a machine without a network starts with what was exported on another one, and the cache shows it', async () => {
    await using machine = await newMachine()
    const { world, cache, json } = machine
    expect(await json('path', 'opencode')).toMatchObject({ exitCode: 4, code: 'opencode_not_found' })

    const imported = await json('import', shared.bundle)

    const path = join(machine.sidecars, BUILD)
    expect(imported).toEqual({
      exitCode: 0,
      ok: true,
      dir: machine.sidecars,
      items: [{ version, target: TARGET, outcome: 'imported', path }],
    })
    expect(machine.files()).toEqual([BUILD])
    expect((await cache('path', 'opencode')).stdout).toBe(`${path}\n`)
    const host = await world.serve(['--opencode-source', 'downloaded'], { program: [shared.installed] })
    expect(host.document.diagnostics.binaries.opencode).toMatchObject({
      path,
      source: 'downloaded',
      actualVersion: version,
    })
    await host.stop()
    expect((await json('ls')).items).toMatchObject([{ state: 'current', version, target: TARGET, bytes: pin.size }])
    expect((await cache('verify')).stdout).toBe(
      `ok       opencode ${version} for ${TARGET} (${Math.round(pin.size / 1e6)} MB)\n`,
    )
    expect(await json('fetch')).toMatchObject({ ok: true, opencode: { version, path, source: 'downloaded' } })
    expect((await json('gc', '--all')).freedBytes).toBe(0)
    expect(await json('export', join(world.temp, 'again.tar'))).toMatchObject({
      ok: true,
      items: [{ sha256: pin.sha256 }],
    })
  }, 60_000)

  test('an import takes a build from a pipe', async () => {
    await using machine = await newMachine()
    const { world } = machine
    const pipe = `"$1" cache export - --data-dir "$3" | "$2" cache import - --json`
    const { code, stdout, stderr } = await world.run([OPENWORK, shared.installed, join(world.temp, 'none')], {
      program: ['sh', '-c', pipe, 'sh'],
    })
    expect(code).toBe(0)
    expect(stderr).toEndWith(`${name} ${version} (${Math.round(pin.size / 1e6)} MB)\n`) // progress, if it is slow
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, items: [{ outcome: 'imported' }] })
    expect(machine.files()).toEqual([BUILD])
  }, 60_000)

  test('an export whose reader goes away does not report a bug', async () => {
    await using world = await newWorld()
    const { stdout, stderr } = await world.run([OPENWORK], {
      program: ['sh', '-c', '"$1" cache export - | head -c 100 | wc -c', 'sh'],
    })
    expect(stdout.trim()).toBe('100')
    expect(stderr).toStartWith('openwork: Whoever reads the archive left before its end\n')
  })

  test('a user is told of a build that changed by hand, and can have it removed', async () => {
    await using machine = await newMachine()
    await machine.cache('import', shared.bundle)
    const path = join(machine.sidecars, BUILD)
    await writeFile(path, 'x', { flag: 'r+' }) // the first byte

    const wrong = await machine.cache('verify')
    expect(wrong.code).toBe(4)
    expect(wrong.stdout).toContain(`wrong    opencode ${version} for ${TARGET}: ${path} has SHA-256`)
    expect(wrong.stderr).toContain('openwork cache verify --fix')
    expect(await machine.json('path', 'opencode')).toMatchObject({ exitCode: 4, code: 'opencode_not_found' })

    expect((await machine.cache('verify', '--fix')).stdout).toStartWith('removed  ')
    expect(machine.files()).toEqual([])
  }, 60_000)

  test('a cache may be where a link leads, and keeps the link', async () => {
    await using machine = await newMachine()
    const elsewhere = join(machine.world.temp, 'elsewhere')
    await mkdir(elsewhere)
    await mkdir(machine.world.dataDir)
    await symlink(elsewhere, machine.sidecars)

    expect((await machine.cache('import', shared.bundle)).code).toBe(0)
    await mkdir(join(elsewhere, 'opencode', '1.0.0', name), { recursive: true })
    await writeFile(join(elsewhere, 'opencode', '1.0.0', name, pin.file), 'old')
    await machine.cache('gc', '--all')

    expect(filesIn(elsewhere)).toEqual([BUILD])
    expect(await readlink(machine.sidecars)).toBe(elsewhere)
  }, 60_000)
})

/** The commands of a block of the README, each with what it prints. */
async function readmeCommands(block: string): Promise<{ args: string[]; prints: string }[]> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const [begin, end] = [`<!-- output:${block}:begin -->\n\`\`\`\n`, `\`\`\`\n<!-- output:${block}:end -->`]
  const text = readme.slice(readme.indexOf(begin) + begin.length, readme.indexOf(end))
  return text
    .split(/^\$ openwork /m)
    .slice(1)
    .map(part => {
      const [command = '', ...lines] = part.split('\n')
      return { args: command.split(' '), prints: lines.join('\n') }
    })
}

/** Without what differs from machine to machine and from release to release. */
const general = (text: string): string =>
  text
    .replaceAll(/\/\S+(?=\/sidecars)/g, '<data>')
    .replaceAll(/\d+\.\d+\.\d+/g, '<version>')
    .replaceAll(/\d+(?= MB)/g, '<n>')
    .replaceAll(/(?:linux|darwin|windows)-(?:x64|arm64)(?:-baseline)?(?:-musl)?/g, '<target>')
    .replaceAll(/ +/g, ' ')

test('the README shows how a build is carried to another machine, and what is printed', async () => {
  await using there = await newWorld()
  await using machine = await newMachine()
  const bundle = join(there.temp, 'bundle.tgz')
  const real = (text: string): string => text.replaceAll('/media/usb/bundle.tgz', bundle)

  for (const { args, prints } of await readmeCommands('offline-export'))
    expect(general((await there.run(args.map(real))).stdout)).toBe(general(real(prints)))
  const imports = await readmeCommands('offline-import')
  for (const { args, prints } of imports)
    expect(general((await machine.cache(...args.slice(1).map(real))).stdout)).toBe(general(prints))
  expect(imports).toHaveLength(3)
}, 60_000)

/** The first megabytes of an export, as a connection that breaks off leaves them. */
async function beginning(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of exportArchive([{ wanted: WANTED, path: OPENCODE }], { version: '0', onBytes: () => {} })) {
    chunks.push(chunk)
    if (chunks.length === 8) break
  }
  return Buffer.concat(chunks)
}

describe('an import that does not come to its end', () => {
  test('an import ended by Ctrl+C keeps nothing of the build, and says so', async () => {
    await using machine = await newMachine()
    const child = Bun.spawn([shared.installed, 'cache', 'import', '-'], {
      env: machine.world.env,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    child.stdin.write(await beginning())
    await child.stdin.flush()
    await eventually('some of the build is written', () => machine.files().some(file => file.includes('.tmp-')))

    child.kill('SIGINT')

    expect(await child.exited).toBe(130)
    expect(await new Response(child.stderr).text()).toContain('Interrupted')
    expect(machine.files()).toEqual([])
  })

  test('an import that was killed is done by the next one', async () => {
    await using machine = await newMachine()
    const child = Bun.spawn([shared.installed, 'cache', 'import', '-'], { env: machine.world.env, stdin: 'pipe' })
    child.stdin.write(await beginning())
    await child.stdin.flush()
    await eventually('some of the build is written', () => machine.files().some(file => file.includes('.tmp-')))

    child.kill('SIGKILL')
    await child.exited
    const lock = join(machine.sidecars, `${dirname(BUILD)}.lock`)
    await utimes(lock, new Date(0), new Date(0)) // seconds have passed in which nobody renewed it

    expect(await machine.json('import', shared.bundle)).toMatchObject({ exitCode: 0, items: [{ outcome: 'imported' }] })
    expect(machine.files()).toEqual([BUILD])
  }, 60_000)

  testUnless(noSmallDisk)('an import or an export to a full disk leaves nothing there', async () => {
    await using machine = await newMachine()
    await using disk = mountSmallDisk(join(machine.world.home, 'disk'))

    const imported = await machine.json('import', shared.bundle, '--sidecar-dir', disk.path)
    const exported = await failureOf(machine.world, ['cache', 'export', join(disk.path, 'bundle.tgz')])

    expect(imported).toMatchObject({ code: 'disk_full', error: expect.stringContaining(disk.path) })
    expect(exported).toMatchObject({ code: 'disk_full', exitCode: 3, error: expect.stringContaining('bundle.tgz') })
    expect(filesIn(disk.path)).toEqual([])
  })
})

test('a start that is interrupted while npm fetches leaves nothing in the cache', async () => {
  await using machine = await newMachine()
  const { world, sidecars } = machine
  const npm = join(world.temp, 'bin', 'npm')
  await mkdir(dirname(npm))
  await writeFile(npm, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const child = Bun.spawn([shared.installed, 'start', '--sidecar-base-url', `file://${world.temp}`], {
    cwd: world.workspace,
    env: { ...world.env, PATH: `${dirname(npm)}:${world.env.PATH}` },
    stdout: 'ignore',
    stderr: 'ignore',
  })
  await eventually('npm is asked', () => machine.files().some(file => file.endsWith('package.json')))

  child.kill('SIGINT')

  expect(await child.exited).toBe(130)
  expect(readdirSync(sidecars)).toEqual([])
}, 60_000)

test('an export that is interrupted leaves no archive', async () => {
  await using world = await newWorld()
  const command = world.start(['cache', 'export', join(world.temp, 'bundle.tgz')])
  await eventually('some of the archive is written', () => readdirSync(world.temp).some(file => file.includes('.tmp-')))

  command.signal('SIGTERM')

  expect(await command.exited).toMatchObject({ code: 143, stdout: '', stderr: expect.stringContaining('Interrupted') })
  expect(readdirSync(world.temp)).toEqual([])
})

test('`cache gc --all` refuses a folder of the user that holds nothing of openwork, and leaves it as it is', async () => {
  await using world = await newWorld()
  const project = join(world.temp, 'project')
  for (const path of ['.git/HEAD', 'opencode/package.json', 'src/index.ts', 'README.md']) {
    await mkdir(dirname(join(project, path)), { recursive: true })
    await writeFile(join(project, path), 'dear')
  }
  const before = filesIn(project)

  const failure = await failureOf(world, ['cache', 'gc', '--all', '--sidecar-dir', project])

  expect(failure).toMatchObject({ code: 'invalid_value', exitCode: 2, error: expect.stringContaining(project) })
  expect(filesIn(project)).toEqual(before)
}, 30_000)

describe('builds of other versions', () => {
  /** A build that no openwork has pinned, with the programs of this machine as they are. */
  async function oldBuild(dataDir: string, old: string, program: string): Promise<string> {
    const path = join(dataDir, 'sidecars', 'opencode', old, name, pin?.file ?? '')
    await mkdir(dirname(path), { recursive: true })
    await copyFile(program, path)
    return path
  }

  const kept = async (world: World): Promise<Record<string, string>> => {
    const { stdout } = await world.run(['cache', 'gc', '--all', '--json'])
    const { items } = JSON.parse(stdout) as { items: { version: string; removed: boolean; reason: string }[] }
    return Object.fromEntries(items.filter(({ removed }) => !removed).map(({ version, reason }) => [version, reason]))
  }

  test('builds that a host uses are kept until it is down, whatever it runs at this moment', async () => {
    // A script: the system only knows of its interpreter, so it is the host itself that must say.
    await using world = await newMoodyWorld('')
    const used = await oldBuild(world.dataDir, '0.0.1', join(world.home, 'fake-opencode'))
    await oldBuild(world.dataDir, '0.0.2', '/bin/sh')
    const host = await world.serve(['--opencode-bin', used])

    expect(await kept(world)).toEqual({ '0.0.1': 'a running host uses it' })
    await host.stop()
    expect(await kept(world)).toEqual({})
    expect(filesIn(join(world.dataDir, 'sidecars', 'opencode'))).toEqual([])
  })

  test('old builds are all kept while a host runs that cannot be asked, for its tokens are not known', async () => {
    await using world = await newMoodyWorld('')
    await oldBuild(world.dataDir, '0.0.2', '/bin/sh')
    const host = await world.serve([], {
      env: { OPENWORK_TOKEN: 'a-token-of-its-own', OPENWORK_HOST_TOKEN: 'another-of-its-own' },
    })

    expect(await kept(world)).toEqual({ '0.0.2': 'a running host that cannot be asked may use it' })
    await host.stop()
  })

  test.skipIf(process.platform !== 'linux')(
    'builds that any program of this machine runs are kept (Linux: it needs /proc)',
    async () => {
      await using world = await newWorld()
      const used = await oldBuild(world.dataDir, '0.0.1', '/bin/sleep')
      const program = Bun.spawn([used, '1000'], { env: world.env })

      expect(await kept(world)).toEqual({ '0.0.1': 'a running host uses it' })
      program.kill()
      await program.exited
      expect(await kept(world)).toEqual({})
    },
  )
})

test('`cache fetch` gets the build from a mirror, once, and says which one it is', async () => {
  await using machine = await newMachine()
  const mirror = join(machine.world.temp, 'mirror')
  await mkdir(mirror)
  await symlink(OPENCODE, join(mirror, name))
  const targets = { [TARGET]: { asset: name, sha256: pin.sha256, size: pin.size } }
  const manifest = { version: '0.0.0', entries: { opencode: { version, targets } } }
  await writeFile(join(mirror, 'openwork-orchestrator-sidecars.json'), JSON.stringify(manifest))
  const fetch = (...args: string[]) => machine.json('fetch', '--sidecar-base-url', `file://${mirror}`, ...args)
  const path = join(machine.sidecars, BUILD)
  const opencode = {
    name: 'opencode',
    version,
    target: TARGET,
    path,
    source: 'downloaded',
    sha256: pin.sha256,
    bytes: pin.size,
  }

  const { stderr } = await machine.cache('fetch', '--sidecar-base-url', `file://${mirror}`)
  const stages = stderr.split('\n').map(line => line.split(' ')[0])
  for (const stage of ['Downloading', 'Unpacking', 'Trying']) expect(stages).toContain(stage)
  await rm(machine.sidecars, { recursive: true })

  const first = await fetch()

  expect(first).toMatchObject({ exitCode: 0, ok: true, opencode: { ...opencode, fetched: true } })
  expect(machine.files()).toEqual([BUILD])
  expect(await fetch('--target', TARGET)).toMatchObject({ opencode: null, items: [{ ...opencode, fetched: false }] })
}, 60_000)

describe('refused', () => {
  test.each([
    [['import', '/no/such/file'], 'invalid_value'],
    [['import', ROOT], 'invalid_value'],
    [['import', join(ROOT, 'package.json')], 'sidecar_archive_invalid'],
    [['export', '-'], 'flags_conflict'],
    [['export', '/no/such/folder/x.tar'], 'invalid_value'],
    [['export', ROOT, '--force'], 'invalid_value'],
    [['export', 'x.tar', '--target', 'plan9-x64'], 'invalid_value'],
    [['fetch', '--target', 'plan9-x64'], 'invalid_value'],
    [['path', 'docker'], 'invalid_value'],
    [['ls', '--sidecar-dir', join(ROOT, 'package.json')], 'sidecar_dir_unusable'],
  ])('is cache %p: %s', async (args, code) => {
    await using world = await newWorld()
    const failure = await failureOf(world, ['cache', ...args])
    expect(failure.error).not.toMatch(/\.tmp-|ENOENT/)
    expect(failure).toMatchObject({ ok: false, code, hint: expect.any(String) })
    if (code === 'invalid_value') expect(failure.exitCode).toBe(2)
    expect(failure.exitCode).toBeGreaterThan(1)
  })

  test('a sidecar folder that cannot be made is named, with what to do', async () => {
    await using world = await newWorld()
    const nowhere = join(world.temp, 'link')
    await symlink(join(world.temp, 'not', 'there'), nowhere)
    const commands = [
      ['cache', 'import', shared.bundle],
      ['cache', 'fetch', '--target', TARGET],
      ['start', '--opencode-source', 'downloaded', '--workspace', world.workspace],
    ]

    for (const command of commands) {
      const failure = await failureOf(world, [...command, '--sidecar-dir', nowhere])
      expect(failure).toMatchObject({ code: 'sidecar_dir_unusable', error: expect.stringContaining(nowhere) })
      expect(failure.hint).toContain('--sidecar-dir')
    }
    expect((await world.run(['cache', 'path', 'opencode', '--sidecar-dir', nowhere])).stderr).toBe('')
  }, 30_000)

  test('no file is exported over, unless --force says so', async () => {
    await using world = await newWorld()
    const file = join(world.temp, 'mine.tar')
    await writeFile(file, 'mine')

    expect(await failureOf(world, ['cache', 'export', file])).toMatchObject({ code: 'invalid_value' })
    expect(await readFile(file, 'utf8')).toBe('mine')

    expect((await world.run(['cache', 'export', file, '--force'])).code).toBe(0)
    expect(statSync(file).size).toBeGreaterThan(pin.size)
    expect(readdirSync(world.temp)).toEqual(['mine.tar'])
  })
})
