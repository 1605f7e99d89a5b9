// Where binaries come from at run time: a copy of the built executable, away from this checkout, and a mirror on loopback.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import {
  copyFile,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { createTar } from 'nanotar'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { OPENCODE_PINS } from '../../src/sidecars/pins/opencode-pins.generated.ts'
import { findMachine, planTarget } from '../../src/sidecars/pins/target.ts'
import { executableAsset, MANIFEST_FILE, platformName } from '../../src/sidecars/release/release.ts'
import { type Answer, good, type Mirror, stalled, startMirror, status } from '../fixtures/mirror.ts'
import { eventually, failureOf, newWorld, OPENWORK, ROOT, type World } from './harness.ts'
import { mountSmallDisk, whyNoSmallDisk } from './small-disk.ts'

const machine = await findMachine()
if (!machine) throw new Error('no opencode for this machine')
const [PACKAGE = ''] = planTarget(machine, OPENCODE_PINS, {}).packages
const MANIFEST = `/${MANIFEST_FILE}`
const ARCHIVE = '/opencode.tgz'
const EXECUTABLE = `/${executableAsset(machine)}`

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const listed = (path: string, bytes: Uint8Array, more: object = {}) => ({
  asset: path.slice(1),
  sha256: sha256(bytes),
  size: bytes.length,
  ...more,
})

/** opencode as a release has it, made once: with the least compression, and as one with other content in it. */
let archive: Uint8Array
let wrongArchive: Uint8Array
let executable: Uint8Array

beforeAll(async () => {
  const pin = OPENCODE_PINS.packages[PACKAGE]
  const data = await readFile(join(ROOT, 'node_modules', PACKAGE, 'bin', pin?.file ?? ''))
  const pack = (content: Uint8Array) =>
    promisify(gzip)(createTar([{ name: `package/bin/${pin?.file}`, data: content }]), { level: 1 })
  archive = await pack(data)
  wrongArchive = await pack(new TextEncoder().encode('#!/bin/sh\necho I was run >&2\n'))
  executable = await readFile(OPENWORK)
}, 60_000)

/** A manifest that lists this archive of opencode, and our own executable. */
const manifest = (opencode: Uint8Array, own: object = {}): Answer => {
  const file = listed(ARCHIVE, opencode, { archive: 'tgz', path: 'package/bin/opencode' })
  const server = {
    version: VERSION,
    targets: { [platformName(machine)]: { ...listed(EXECUTABLE, executable), ...own } },
  }
  const targets = { [PACKAGE.replace('opencode-', '')]: file }
  const entries = { opencode: { version: OPENCODE_VERSION, targets }, 'openwork-server': server }
  return good(new TextEncoder().encode(JSON.stringify({ version: VERSION, entries })))
}

type Away = {
  world: World
  mirror: Mirror
  program: readonly [string]
  cached: string
  [Symbol.asyncDispose](): Promise<void>
}

/** A world without opencode: the executable lies away from this checkout, npm and the proxy lead nowhere. */
async function away(): Promise<Away> {
  const world = await newWorld()
  const mirror = await startMirror({ [MANIFEST]: manifest(archive), [ARCHIVE]: good(archive) })
  const folder = join(dirname(world.home), 'app')
  await mkdir(folder)
  const program = join(folder, 'openwork')
  await link(OPENWORK, program).catch(() => copyFile(OPENWORK, program)) // the build may be on another disk
  Object.assign(world.env, {
    HTTPS_PROXY: 'http://127.0.0.1:1',
    OPENWORK_SIDECAR_BASE_URL: mirror.origin,
    npm_config_cache: join(world.home, 'npm'),
  })
  return {
    world,
    mirror,
    program: [program],
    cached: join(world.dataDir, 'sidecars', 'opencode', OPENCODE_VERSION, PACKAGE, 'opencode'),
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]()
      await mirror.stop()
    },
  }
}

const serve = ({ world, program }: Away, args: readonly string[] = []) => world.serve(args, { program })

describe('a first start', () => {
  test('fetches opencode from a mirror, and the next one needs no network', async () => {
    await using it = await away()
    const first = await serve(it, ['--verbose'])
    expect(first.document.diagnostics.binaries.opencode).toEqual({
      path: it.cached,
      source: 'downloaded',
      expectedVersion: OPENCODE_VERSION,
      actualVersion: OPENCODE_VERSION,
    })
    expect(first.document.diagnostics.sidecar.target).toBe(platformName(machine))
    for (const said of [
      'DEBUG looking for openwork-server source=auto',
      `DEBUG looking for opencode ${OPENCODE_VERSION}`,
      `DEBUG asking for ${PACKAGE}@${OPENCODE_VERSION} url=${it.mirror.url(ARCHIVE)} attempt=1`,
      `downloading ${PACKAGE}@${OPENCODE_VERSION}`,
      `from=${it.mirror.url(ARCHIVE)}`,
    ])
      expect(first.text('stderr')).toContain(said)
    await first.stop()
    expect(it.mirror.requests.map(({ path }) => path)).toEqual([MANIFEST, ARCHIVE])

    await it.mirror.stop()
    const second = await serve(it)
    expect(second.document.opencode.version).toBe(OPENCODE_VERSION)
    expect(await second.status('/health')).toBe(200)
  }, 120_000)

  test('is refused when all that can be had is something else, and says so', async () => {
    await using it = await away()
    it.mirror.set(MANIFEST, manifest(wrongArchive))
    it.mirror.set(ARCHIVE, good(wrongArchive))
    const { exitCode, code, error, hint } = await failureOf(it.world, ['serve'], { program: it.program })
    expect(exitCode).toBe(4)
    expect(code).toBe('sidecar_checksum_mismatch')
    for (const said of [
      it.mirror.url(ARCHIVE),
      OPENCODE_PINS.packages[PACKAGE]?.sha256 ?? '',
      'github.com',
      'npm pack',
    ])
      expect(error).toContain(said)
    expect(hint).toContain('--sidecar-base-url')
    expect(await readdir(dirname(it.cached)).catch(() => [])).toEqual([])
  }, 120_000)

  test('asks the next mirror when one serves other bytes than its manifest lists', async () => {
    await using it = await away()
    await using second = await startMirror({ '/other.tgz': good(archive) })
    const file = listed(ARCHIVE, archive, {
      archive: 'tgz',
      path: 'package/bin/opencode',
      urls: [second.url('/other.tgz')],
    })
    const targets = { [PACKAGE.replace('opencode-', '')]: file }
    const text = JSON.stringify({ version: VERSION, entries: { opencode: { version: OPENCODE_VERSION, targets } } })
    it.mirror.set(MANIFEST, good(new TextEncoder().encode(text)))
    it.mirror.set(ARCHIVE, good(new Uint8Array(archive.length)))
    const host = await serve(it)
    expect(host.document.diagnostics.binaries.opencode.source).toBe('downloaded')
    expect(second.requestsOf('/other.tgz')).not.toEqual([])
  }, 120_000)

  test('in ten processes at once downloads once', async () => {
    await using it = await away()
    const starts = Array.from({ length: 10 }, () => it.world.run(['cache', 'fetch', '--json'], { program: it.program }))
    const ends = await Promise.all(starts)
    expect(ends.map(({ code }) => code)).toEqual(ends.map(() => 0))
    expect(it.mirror.requestsOf(ARCHIVE)).toHaveLength(1)
    expect((await stat(it.cached)).size).toBe(OPENCODE_PINS.packages[PACKAGE]?.size ?? 0)
  }, 120_000)
})

test('a start that was killed in mid-download is gone on with by the next one', async () => {
  await using it = await away()
  const half = Math.floor(archive.length / 2)
  it.mirror.set(ARCHIVE, stalled(archive, half))
  const killed = it.world.start(['serve', '--json'], { program: it.program })
  const downloads = join(it.world.dataDir, 'sidecars', 'downloads')
  const part = async (): Promise<number> => {
    const names = await readdir(downloads).catch(() => [])
    const [name] = names.filter(each => each.endsWith('.part'))
    return name === undefined ? 0 : (await stat(join(downloads, name))).size
  }
  await eventually('half of it to be there', async () => (await part()) > half / 2)
  killed.signal('SIGKILL')
  await killed.exited
  const there = await part()
  it.mirror.set(ARCHIVE, good(archive))

  const host = await serve(it)

  expect(host.document.opencode.version).toBe(OPENCODE_VERSION)
  const [, resumed] = it.mirror.requestsOf(ARCHIVE)
  expect(resumed?.range).toMatch(/^bytes=\d+-$/)
  expect(Number(/\d+/.exec(resumed?.range ?? '')?.[0])).toBeGreaterThan(0)
  expect(Number(/\d+/.exec(resumed?.range ?? '')?.[0])).toBeLessThanOrEqual(there)
  expect(await readdir(downloads)).toEqual([])
}, 120_000)

test.skipIf(process.platform === 'win32')(
  'in a terminal a download is one line that stays within it, and ^C ends it as it ends everything',
  async () => {
    await using it = await away()
    it.mirror.set(ARCHIVE, stalled(archive, Math.floor(archive.length / 2)))
    let shown = ''
    const decoder = new TextDecoder()
    let grown = Promise.withResolvers<void>()
    const child = Bun.spawn([...it.program, 'start', '--openwork-port', '0'], {
      cwd: it.world.workspace,
      env: { ...it.world.env, TERM: 'xterm-256color' },
      terminal: {
        cols: 60,
        rows: 24,
        data: (_, bytes) => {
          shown += decoder.decode(bytes, { stream: true })
          grown.resolve()
          grown = Promise.withResolvers()
        },
      },
    })
    const isHalf = (): boolean => / (?:4\d|50) % /.test(shown)
    while (!isHalf()) await grown.promise
    child.terminal?.write('\x03')
    await child.exited
    child.terminal?.close()

    expect(child.exitCode).toBe(130)
    const colours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
    const drawn = shown.replaceAll(colours, '').split('\r\x1b[K').slice(1)
    expect(drawn.length).toBeGreaterThan(1)
    for (const text of drawn.filter(each => each.includes(' % '))) expect(text.length).toBeLessThan(58)
    // Erased before the last words, which have a line of their own.
    expect(drawn.at(-1)).toMatch(/^openwork: Interrupted; nothing was started; what had arrived .* by the next start/)
    expect(drawn.at(-1)).not.toContain('━')
  },
  60_000,
)

test('a cached opencode that somebody changed is not run, but fetched anew', async () => {
  await using it = await away()
  const first = await serve(it)
  await first.stop()
  const { atime, mtime, size } = await stat(it.cached)
  await using file = await open(it.cached, 'r+')
  await file.write('changed', size / 2)
  await file.close()
  await utimes(it.cached, atime, mtime)

  const second = await serve(it)

  expect(second.text('stderr')).toContain(`${it.cached} has SHA-256`)
  expect(sha256(await readFile(it.cached))).toBe(OPENCODE_PINS.packages[PACKAGE]?.sha256 ?? '')
  expect(it.mirror.requestsOf(ARCHIVE)).toHaveLength(2)
}, 120_000)

const scratch = await mkdtemp(join(tmpdir(), 'openwork-disk-'))
afterAll(() => rm(scratch, { recursive: true, force: true }))
const noDisk = whyNoSmallDisk(scratch)

test.skipIf(noDisk !== undefined)(
  `a disk without room for it is named before it is fetched${noDisk ? ` (${noDisk})` : ''}`,
  async () => {
    await using it = await away()
    await using disk = mountSmallDisk(join(it.world.temp, 'disk'))
    const args = ['serve', '--sidecar-dir', join(disk.path, 'sidecars')]
    const { code, error, hint } = await failureOf(it.world, args, { program: it.program })
    expect(code).toBe('disk_full')
    expect(error).toContain(disk.path)
    expect(hint).toContain('--sidecar-dir')
    expect(it.mirror.requestsOf(ARCHIVE)).toEqual([])
  },
)

describe('--sidecar-source downloaded', () => {
  test('runs the openwork-server of the release files', async () => {
    await using it = await away()
    it.mirror.set(EXECUTABLE, good(executable))
    const host = await serve(it, ['--sidecar-source', 'downloaded'])
    const path = join(it.world.dataDir, 'sidecars', VERSION, platformName(machine), 'openwork-server')
    expect(host.document.diagnostics.binaries.openworkServer).toEqual({
      path,
      source: 'downloaded',
      expectedVersion: VERSION,
      actualVersion: VERSION,
    })
    if (process.platform === 'linux')
      expect(await readlink(`/proc/${it.world.pidOf('openwork-server --host')}/exe`)).toBe(path)
    expect((await stat(path)).ino).toBe((await stat(join(dirname(path), 'openwork'))).ino)
    expect(it.mirror.requestsOf(MANIFEST)).toHaveLength(1)
    await host.stop()

    const again = await serve(it, ['--sidecar-source', 'downloaded'])
    expect(again.document.diagnostics.binaries.openworkServer.path).toBe(path)
    expect(it.mirror.requestsOf(EXECUTABLE)).toHaveLength(1)
    await again.stop()

    await it.mirror.stop()
    const offline = await serve(it, ['--sidecar-source', 'downloaded'])
    expect(offline.document.diagnostics.binaries.openworkServer.path).toBe(path)
    expect(offline.text('stderr')).toContain(`openwork-server ${VERSION}, which it listed before, is used`)
  }, 120_000)

  test('refuses one with another content than the manifest lists', async () => {
    await using it = await away()
    it.mirror.set(MANIFEST, manifest(archive, { sha256: '0'.repeat(64) }))
    it.mirror.set(EXECUTABLE, good(executable))
    const args = ['serve', '--sidecar-source', 'downloaded']
    const { exitCode, code, error } = await failureOf(it.world, args, { program: it.program })
    expect([exitCode, code]).toEqual([4, 'sidecar_checksum_mismatch'])
    expect(error).toContain(sha256(executable))
  }, 60_000)

  test('says where there is no manifest', async () => {
    await using it = await away()
    it.mirror.set(MANIFEST, status(404))
    const args = ['serve', '--sidecar-source', 'downloaded']
    const { code, error, hint } = await failureOf(it.world, args, { program: it.program })
    expect(code).toBe('sidecar_download_failed')
    expect(error).toContain(it.mirror.url(MANIFEST))
    expect(error).toContain('404')
    expect(hint).toContain('--sidecar-base-url')
  })
})

test('an openwork-server of the user runs in the place of ours, and is told apart', async () => {
  await using it = await away()
  const folder = dirname(it.world.home)
  const script = join(folder, 'server.ts')
  const server = join(ROOT, 'src', 'bin', 'openwork-server.ts')
  await writeFile(
    script,
    `import { main } from ${JSON.stringify(server)}\nprocess.exit(await main(Bun.argv.slice(2)))\n`,
  )
  // What an agent could leave behind to have its own code run with our tokens.
  const hijack = { compilerOptions: { paths: { '*': ['./evil.ts'] } } }
  await writeFile(join(it.world.workspace, 'tsconfig.json'), JSON.stringify(hijack))
  await writeFile(join(it.world.workspace, 'bunfig.toml'), 'preload = ["./evil.ts"]\n')
  const evil = `if (Bun.env.OPENWORK_HOST_TOKEN) await Bun.write(${JSON.stringify(join(folder, 'evil'))}, '')\n`
  await writeFile(join(it.world.workspace, 'evil.ts'), evil)
  await mkdir(join(folder, 'path'))
  await symlink(process.execPath, join(folder, 'path', process.platform === 'win32' ? 'bun.exe' : 'bun'))
  it.world.env.PATH = [join(folder, 'path'), it.world.env.PATH].join(delimiter)

  const host = await serve(it, ['--allow-external', '--openwork-server-bin', script])

  const external = { path: script, source: 'external', actualVersion: VERSION }
  expect(host.document.diagnostics.binaries.openworkServer).toMatchObject(external)
  expect(await readdir(folder)).not.toContain('evil')
  expect(it.world.pidOf(`${script} --host`)).toBeGreaterThan(0)
  expect(await host.status('/health')).toBe(200)
}, 120_000)
