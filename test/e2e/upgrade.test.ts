import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { executableAsset, MANIFEST_FILE, platformName } from '../../src/sidecars/release/release.ts'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import { type Answer, good, type Mirror, stalled, startMirror } from '../fixtures/mirror.ts'
import { BROKEN_SERVER, compileVersion, NO_PINS } from '../fixtures/other-version.ts'
import { seedOpencode } from '../fixtures/seed-opencode.ts'
import {
  eventually,
  failureOf,
  newWorld,
  OPENCODE,
  OPENWORK,
  ROOT,
  type RunOptions,
  testUnless,
  type World,
} from './harness.ts'

const NEXT = '98.7.6'
const BROKEN = '99.0.0'
/** Has no opencode for this machine. */
const BARE = '99.1.0'
const LIMIT_MS = 120_000
const FILE = process.platform === 'win32' ? 'openwork.exe' : 'openwork'

let versions: string
const executable = (version: string): string => (version === VERSION ? OPENWORK : join(versions, version))

beforeAll(async () => {
  versions = await mkdtemp(join(tmpdir(), 'openwork-versions-'))
  await compileVersion(NEXT, executable(NEXT))
  await compileVersion(BROKEN, executable(BROKEN), BROKEN_SERVER)
  await compileVersion(BARE, executable(BARE), NO_PINS)
}, LIMIT_MS)

afterAll(() => rm(versions, { recursive: true, force: true }))

/** A world with an openwork of its own, as the shell installer leaves it, and opencode in its cache. */
async function installed(version = VERSION) {
  const world = await newWorld()
  const bin = join(world.home, 'bin')
  const path = join(bin, FILE)
  await mkdir(bin)
  await copyFile(executable(version), path)
  await chmod(path, 0o755)
  const opencode = await seedOpencode(join(world.dataDir, 'sidecars'))
  const options: RunOptions = { program: [path] }
  const json = async (args: readonly string[]) => {
    const end = await world.run([...args, '--json'], options)
    if (end.code !== 0) throw new Error(`${args.join(' ')}: ${end.code}\n${end.stdout}\n${end.stderr}`)
    return JSON.parse(end.stdout)
  }
  return {
    world,
    path,
    bin,
    opencode,
    options,
    json,
    version: async () => (await world.run(['--version'], options)).stdout.trim(),
    inBin: () => readdirSync(bin).sort(),
  }
}

/** A mirror with the release of a version; `asset` answers in the place of its executable. */
async function release(
  version: string,
  { asset, sha256 }: { asset?: (bytes: Buffer) => Answer; sha256?: string } = {},
) {
  const machine = await findMachine()
  if (!machine) throw new Error('no release for this machine')
  const file = executableAsset(machine)
  const filesOf = async (version: string) => {
    const bytes = await readFile(executable(version))
    const hash = sha256 ?? createHash('sha256').update(bytes).digest('hex')
    const targets = { [platformName(machine)]: { asset: file, sha256: hash, size: bytes.length } }
    const manifest = { version, entries: { openwork: { version, targets } } }
    return { bytes, manifest: good(Buffer.from(JSON.stringify(manifest))) }
  }
  const { bytes, manifest } = await filesOf(version)
  const mirror = await startMirror({
    [`/${MANIFEST_FILE}`]: manifest,
    [`/${file}`]: asset ? asset(bytes) : good(bytes),
  })
  return {
    mirror,
    file: `/${file}`,
    bytes,
    from: fromMirror(mirror),
    /** From now on it has the release of this version. */
    turnInto: async (version: string) => {
      const { bytes, manifest } = await filesOf(version)
      mirror.set(`/${MANIFEST_FILE}`, manifest)
      mirror.set(`/${file}`, good(bytes))
    },
  }
}

const fromMirror = (mirror: Mirror): string[] => ['--sidecar-base-url', mirror.origin]

/** Command lines of what runs for a trial, which has a home of its own. */
const triedPrograms = ({ dataDir }: World): string[] =>
  readdirSync('/proc').flatMap(pid => {
    try {
      const [environment, command] = ['environ', 'cmdline'].map(file => readFileSync(`/proc/${pid}/${file}`, 'utf8'))
      return environment?.includes(`HOME=${join(dataDir, 'upgrade')}`) && command ? [command.replaceAll('\0', ' ')] : []
    } catch {
      return [] // no process, or one that ended while we looked
    }
  })

const leftovers = ({ temp, dataDir }: World): string[] => [
  ...readdirSync(temp).filter(name => name.startsWith('openwork-')),
  ...readdirSync(join(dataDir, 'upgrade')),
]

test(
  'an upgrade puts the new version in the place of this one, and a rollback goes back and forth',
  async () => {
    const { world, path, bin, json, version, inBin } = await installed()
    await using _world = world
    const { mirror, from } = await release(NEXT)
    await using _mirror = mirror
    await link(path, join(bin, 'openwork-server'))

    expect(await json(['upgrade', '--check', ...from])).toMatchObject({
      ok: true,
      current: VERSION,
      latest: NEXT,
      offered: NEXT,
      upgradeAvailable: true,
      method: 'standalone',
      path,
      command: 'openwork upgrade',
      opencode: { current: OPENCODE_VERSION },
    })
    expect(inBin()).toEqual([FILE, 'openwork-server'])
    expect(await json(['upgrade', ...from])).toMatchObject({
      ok: true,
      previous: VERSION,
      version: NEXT,
      opencode: OPENCODE_VERSION,
      outdatedHosts: [],
    })

    expect(await version()).toBe(NEXT)
    expect(inBin()).toEqual([FILE, 'openwork-server', 'openwork.previous'])
    const [now, server] = [await stat(path), await stat(join(bin, 'openwork-server'))]
    expect([now.mode & 0o777, server.ino]).toEqual([0o755, now.ino])
    expect(leftovers(world)).toEqual([])
    expect(await json(['upgrade', ...from])).toMatchObject({
      upgradeAvailable: false,
      current: NEXT,
      latest: NEXT,
      offered: null,
      command: null,
    })

    expect(await json(['upgrade', '--rollback'])).toMatchObject({ previous: NEXT, version: VERSION })
    expect(await version()).toBe(VERSION)
    expect(await json(['upgrade', '--rollback'])).toMatchObject({ previous: VERSION, version: NEXT })
    expect(await version()).toBe(NEXT)
    expect(inBin()).toEqual([FILE, 'openwork-server', 'openwork.previous'])
  },
  LIMIT_MS,
)

test(
  'an older version is offered when it is asked for, and only then',
  async () => {
    const { world, options, json } = await installed(NEXT)
    await using _world = world
    const { mirror, from } = await release(VERSION)
    await using _mirror = mirror

    expect(await json(['upgrade', '--check', '--to', VERSION, ...from])).toMatchObject({
      current: NEXT,
      latest: null,
      offered: VERSION,
      upgradeAvailable: false,
      command: `openwork upgrade --to ${VERSION}`,
    })
    expect(await json(['upgrade', '--check', ...from])).toMatchObject({
      latest: VERSION,
      offered: null,
      upgradeAvailable: false,
      command: null,
    })
    const asked = await world.run(['upgrade', '--check', '--to', VERSION, ...from], options)
    expect(asked.stdout).toContain(`can be installed: \`openwork upgrade --to ${VERSION}\``)
    const { stdout } = await world.run(['upgrade', ...from], options)
    expect(stdout).toContain(`this one (${NEXT}) is newer than the newest published (${VERSION})`)
  },
  LIMIT_MS,
)

test(
  'the README shows what an upgrade prints',
  async () => {
    const { world, options } = await installed()
    await using _world = world
    const { mirror, from } = await release(NEXT)
    await using _mirror = mirror
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
    const [begin, end] = [
      '<!-- output:upgrade:begin -->\n```\n$ openwork upgrade\n',
      '```\n<!-- output:upgrade:end -->',
    ]
    const shown = readme.slice(readme.indexOf(begin) + begin.length, readme.indexOf(end))
    const general = (text: string): string =>
      text
        .replace(/^Asking \S+ for/, 'Asking <host> for')
        .replaceAll(/\d+\.\d+\.\d+/g, '<version>')
        .replaceAll(/\/\S+(?=\/bin\/)/g, '<folder>')

    const { stdout, stderr } = await world.run(['upgrade', ...from], options)

    expect(general(stderr + stdout)).toBe(general(shown))
  },
  LIMIT_MS,
)

test(
  'a version that does not work here is not installed, and says itself why',
  async () => {
    const { world, path, options, version, inBin } = await installed()
    await using _world = world
    const { mirror, from } = await release(BROKEN)
    await using _mirror = mirror
    const before = await stat(path)

    const failure = await failureOf(world, ['upgrade', ...from], options)

    expect(failure).toMatchObject({ exitCode: 1, code: 'upgrade_failed' })
    expect(failure.error).toContain(`openwork ${BROKEN} does not work here`)
    expect(failure.error).toContain('cannot read the store: format 7')
    expect([await version(), inBin(), (await stat(path)).ino]).toEqual([VERSION, [FILE], before.ino])
    expect(leftovers(world)).toEqual([])
    expect(world.processes()).toEqual([])
  },
  LIMIT_MS,
)

test(
  'where openwork has no opencode for the machine it is tried with the one that hosts use',
  async () => {
    const { world, options, version, opencode } = await installed()
    await using _world = world
    const { mirror, from } = await release(BARE)
    await using _mirror = mirror
    const own = { OPENWORK_ALLOW_EXTERNAL: '1', OPENWORK_OPENCODE_BIN: opencode }

    const refused = await world.run(['upgrade', ...from], {
      ...options,
      env: { ...own, OPENWORK_OPENCODE_BIN: fakeOpencode(world.home) }, // it has no sessions
    })
    expect([refused.code, await version()]).toEqual([1, VERSION])

    const { code, stderr } = await world.run(['upgrade', ...from], { ...options, env: own })
    expect([code, stderr]).toEqual([0, expect.stringContaining(`Trying openwork ${BARE} with your opencode`)])
    expect(await version()).toBe(BARE)
  },
  LIMIT_MS,
)

test(
  'bytes that are not those of the release are never run',
  async () => {
    const { world, options, version, inBin } = await installed()
    await using _world = world
    const { mirror, from } = await release(NEXT, { sha256: 'ab'.repeat(32) })
    await using _mirror = mirror

    const failure = await failureOf(world, ['upgrade', ...from], options)

    expect(failure).toMatchObject({ exitCode: 4, code: 'sidecar_checksum_mismatch' })
    expect([await version(), inBin()]).toEqual([VERSION, [FILE]])
  },
  LIMIT_MS,
)

test(
  'killed in the middle of a download, the next upgrade goes on where it ended',
  async () => {
    const { world, json, options, version } = await installed()
    await using _world = world
    const { mirror, from, file, bytes } = await release(NEXT, { asset: bytes => stalled(bytes, bytes.length / 2) })
    await using _mirror = mirror
    const running = world.start(['upgrade', ...from], options)
    await mirror.asked(2)
    await running.prints(/Downloading/, 'stderr')
    const part = `${options.program?.[0]}.next.part`
    while (!existsSync(part) || (await stat(part)).size < bytes.length / 4) await Bun.sleep(10)
    running.signal('SIGKILL')
    await running.exited
    expect(await version()).toBe(VERSION)
    mirror.set(file, good(bytes))

    await json(['upgrade', ...from])

    expect(await version()).toBe(NEXT)
    expect(mirror.requestsOf(file).at(-1)?.range).toMatch(/^bytes=[1-9]\d*-/)
  },
  LIMIT_MS,
)

test(
  'interrupted, it leaves everything as it was',
  async () => {
    const { world, options, version } = await installed()
    await using _world = world
    const { mirror, from } = await release(NEXT, { asset: bytes => stalled(bytes, bytes.length / 2) })
    await using _mirror = mirror
    const running = world.start(['upgrade', '--json', ...from], options)
    await mirror.asked(2)

    running.signal('SIGINT')
    const { code, stdout } = await running.exited

    expect([code, JSON.parse(stdout).code]).toEqual([130, 'interrupted'])
    expect(await version()).toBe(VERSION)
  },
  LIMIT_MS,
)

for (const signal of ['SIGINT', 'SIGKILL'] as const)
  testUnless(process.platform === 'linux' ? undefined : 'it looks for processes in /proc')(
    `ended by ${signal} in the middle of the trial, it leaves nothing that runs`,
    async () => {
      const { world, json, options, version } = await installed()
      await using _world = world
      const { mirror, from } = await release(NEXT)
      await using _mirror = mirror
      const running = world.start(['upgrade', ...from], options)
      await running.prints(/on an empty folder/, 'stderr')
      await eventually('opencode runs', () => triedPrograms(world).some(command => command.includes(OPENCODE)))

      running.signal(signal)
      const end = await running.exited

      expect([end.code, end.signal]).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL'])
      await eventually('nothing is left', () => triedPrograms(world).length === 0)
      expect(await version()).toBe(VERSION)
      if (signal === 'SIGINT') expect(leftovers(world)).toEqual([])
      expect(await json(['upgrade', ...from])).toMatchObject({ version: NEXT })
    },
    LIMIT_MS,
  )

test(
  'of two upgrades at once one does the work',
  async () => {
    const { world, json, version, inBin } = await installed()
    await using _world = world
    const { mirror, from, file } = await release(NEXT)
    await using _mirror = mirror

    const [one, other] = await Promise.all([json(['upgrade', ...from]), json(['upgrade', ...from])])

    expect([one.version, other.version]).toEqual([NEXT, NEXT])
    expect(mirror.requestsOf(file)).toHaveLength(1)
    expect([await version(), inBin()]).toEqual([NEXT, [FILE, 'openwork.previous']])
  },
  LIMIT_MS,
)

test(
  'a running host is told of, and renewed on the same address when asked for',
  async () => {
    const { world, json, options } = await installed()
    await using _world = world
    const { mirror, from } = await release(NEXT)
    await using _mirror = mirror
    const host = await world.serve([], options)
    const healthOf = async () => (await (await host.request('/health')).json()) as { version: string }
    const { workspace } = host.document

    expect((await json(['upgrade', ...from])).outdatedHosts).toEqual([
      { workspace, url: host.document.openwork.baseUrl },
    ])
    expect((await healthOf()).version).toBe(VERSION)
    const renewed = await json(['upgrade', '--running'])

    expect(renewed).toEqual({
      ok: true,
      hosts: [
        {
          workspace,
          url: host.document.openwork.baseUrl,
          ok: true,
          renewed: ['openwork-server'],
          services: { opencode: OPENCODE_VERSION, 'openwork-server': NEXT },
        },
      ],
    })
    expect((await healthOf()).version).toBe(NEXT)
    expect(await host.status('/workspaces')).toBe(200)
    expect(await host.status('/opencode/session')).toBe(200)
    expect((await host.stop()).code).toBe(0)
  },
  LIMIT_MS,
)

test(
  'a host whose server was downloaded is renewed with what the manifest lists now, and told when that is the same',
  async () => {
    const { world, options } = await installed()
    await using _world = world
    const { mirror, from, turnInto } = await release(VERSION)
    await using _mirror = mirror
    const host = await world.serve(['--sidecar-source', 'downloaded', ...from], options)
    const renew = async () => {
      const { code, stdout } = await world.run(['upgrade', '--running', '--json'], options)
      return [code, JSON.parse(stdout).hosts[0]]
    }
    const runs = async () => ((await (await host.request('/health')).json()) as { version: string }).version

    expect(await renew()).toEqual([0, expect.objectContaining({ ok: true, renewed: [] })])
    expect(await runs()).toBe(VERSION)

    await turnInto(NEXT)
    expect(await renew()).toEqual([0, expect.objectContaining({ ok: true, renewed: ['openwork-server'] })])
    expect(await runs()).toBe(NEXT)

    await turnInto(BROKEN)
    expect(await renew()).toEqual([
      1,
      expect.objectContaining({
        ok: false,
        renewed: [],
        error: expect.stringMatching(/did not come up.*rolled back$/),
      }),
    ])
    expect(await runs()).toBe(NEXT)
    expect((await host.stop()).code).toBe(0)
  },
  LIMIT_MS,
)

for (const [kept, how] of [
  [true, 'with the file of before beside it'],
  [false, 'with nothing but what runs'],
] as const)
  testUnless(!kept && process.platform !== 'linux' ? 'only Linux keeps the file of a process' : undefined)(
    `a host whose new server does not come up goes on with the old one, ${how}`,
    async () => {
      const { world, path, bin, options } = await installed()
      await using _world = world
      const host = await world.serve([], options)
      // As a package manager does it: no trial, and perhaps nothing kept.
      if (kept) await link(path, join(bin, 'openwork.previous'))
      await copyFile(executable(BROKEN), join(bin, 'incoming'))
      await rename(join(bin, 'incoming'), path)

      const { code, stdout } = await world.run(['upgrade', '--running', '--json'])

      const [outcome] = JSON.parse(stdout).hosts
      expect(code).toBe(1)
      expect(outcome).toMatchObject({ ok: false, services: { 'openwork-server': VERSION, opencode: OPENCODE_VERSION } })
      expect(outcome.error).toMatch(/new openwork-server did not come up: exited with code 3; rolled back$/)
      expect(await (await host.request('/health')).json()).toMatchObject({ version: VERSION })
      expect(await host.status('/opencode/session')).toBe(200)
      expect((await host.stop()).code).toBe(0)
    },
    LIMIT_MS,
  )

test(
  'a host that was started from another file is told to be restarted',
  async () => {
    const { world, json, options } = await installed()
    await using _world = world
    const host = await world.serve([], options)

    const { code, stdout } = await world.run(['upgrade', '--running', '--json'], { program: [executable(NEXT)] })

    expect([code, JSON.parse(stdout).hosts]).toEqual([
      1,
      [expect.objectContaining({ ok: false, error: expect.stringContaining(`is ${VERSION} still: restart it`) })],
    ])
    expect((await json(['status'])).hosts[0].openwork.ok).toBe(true)
    expect((await host.stop()).code).toBe(0)
  },
  LIMIT_MS,
)

test('what it cannot change itself it says who can', async () => {
  await using world = await newWorld()

  const failure = await failureOf(world, ['upgrade'])
  expect(failure).toMatchObject({
    exitCode: 1,
    code: 'upgrade_not_possible',
    hint: expect.stringContaining('git pull'),
  })
  const { code, stdout } = await world.run(['upgrade', '--check', '--json'])
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    expect.objectContaining({ ok: true, current: VERSION, latest: null, method: 'checkout' }),
  ])
  expect((await failureOf(world, ['upgrade', '--running'])).code).toBe('no_running_host')
  expect((await failureOf(world, ['upgrade', '--check', '--rollback'])).code).toBe('flags_conflict')
  expect((await failureOf(world, ['upgrade', '--to', 'latest'])).code).toBe('invalid_value')
})

test('without an earlier version there is nothing to go back to', async () => {
  const { world, options } = await installed()
  await using _world = world

  expect(await failureOf(world, ['upgrade', '--rollback'], options)).toMatchObject({
    exitCode: 1,
    code: 'upgrade_not_possible',
  })
})

test('a mirror with another version than the one asked for is no reason to install that', async () => {
  const { world, options, version } = await installed()
  await using _world = world
  const { mirror, from } = await release(NEXT)
  await using _mirror = mirror

  const failure = await failureOf(world, ['upgrade', '--to', '97.0.0', ...from], options)

  expect(failure).toMatchObject({ code: 'upgrade_failed', error: expect.stringContaining(NEXT) })
  expect(await version()).toBe(VERSION)
  const asked = mirror.requests.length
  expect((await failureOf(world, ['upgrade', '--to', '0.18.1', ...from], options)).code).toBe('upgrade_not_possible')
  expect(mirror.requests).toHaveLength(asked)
})
