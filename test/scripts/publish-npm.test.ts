// npm run publish:npm with the real npm, small stand-ins for the executables, and a registry on loopback.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHECKSUMS_FILE, hashFile, renderChecksums } from '../../build/release/checksums.ts'
import { NOTICES_FILE } from '../../build/release/notices.ts'
import { ALL_TARGETS, TARGETS } from '../../build/targets.ts'
import { VERSION } from '../../src/shared/version.ts'
import { executableAsset, platformName } from '../../src/sidecars/release/release.ts'
import { type PublishRegistry, startPublishRegistry } from '../fixtures/publish-registry.ts'

const ROOT = join(import.meta.dir, '..', '..')
const SCRIPT = join(ROOT, 'scripts', 'publish-npm.ts')
const LIMIT_MS = 60_000
const META = 'openwork-orchestrator'
const PLATFORMS = ALL_TARGETS.map(target => `${META}-${platformName(TARGETS[target].platform)}`)

let folder: string
let release: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-publish-'))
  release = await newRelease('first')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** What `build:all` would leave, with executables that say `content`. */
async function newRelease(content: string): Promise<string> {
  const path = await mkdtemp(join(folder, 'release-'))
  const files = await Promise.all(
    ALL_TARGETS.map(async target => {
      const name = executableAsset(TARGETS[target].platform)
      await writeFile(join(path, name), `${name} ${content}`)
      return { name, ...(await hashFile(join(path, name))) }
    }),
  )
  await writeFile(join(path, NOTICES_FILE), 'licences of others')
  await writeFile(join(path, CHECKSUMS_FILE), renderChecksums(files))
  return path
}

type Options = { from?: string; env?: Record<string, string> }

async function start(registry: PublishRegistry, { from = release, env = {} }: Options = {}) {
  const outdir = await mkdtemp(join(folder, 'npm-'))
  const child = Bun.spawn([process.execPath, SCRIPT, '--release', from, '--outdir', outdir], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      npm_config_cache: join(folder, 'cache'),
      npm_config_update_notifier: 'false',
      ...registry.env,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    timeout: LIMIT_MS,
  })
  const ended = (async () => {
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
    return { code: await child.exited, stdout, stderr }
  })()
  return { pid: child.pid, outdir, ended }
}

const publish = async (registry: PublishRegistry, options?: Options) => (await start(registry, options)).ended

test(
  'publishes the platforms first, then what names them, and goes on where it was killed',
  async () => {
    await using registry = startPublishRegistry()
    const third = PLATFORMS[2] ?? ''
    const reached = Promise.withResolvers<void>()
    const never = Promise.withResolvers<undefined>()
    registry.guard(name => {
      if (name !== third) return undefined
      reached.resolve()
      return never.promise
    })
    const killed = await start(registry)
    await Promise.race([reached.promise, killed.ended])
    process.kill(-killed.pid, 'SIGKILL')
    await killed.ended
    expect(registry.published).toEqual(PLATFORMS.slice(0, 2))

    registry.guard(() => undefined)
    const again = await publish(registry, { env: { NPM_TAG: 'next' } })
    never.resolve(undefined)

    expect(again.code).toBe(0)
    const lines = [...PLATFORMS, META].map(
      (name, index) => `${name}@${VERSION}: ${index < 2 ? 'is on the registry already' : 'published'}`,
    )
    expect(again.stdout.trim().split('\n')).toEqual(lines)
    expect(registry.published).toEqual([...PLATFORMS, META])
    expect(registry.tagsOf(META)).toMatchObject({ next: VERSION })
    expect(registry.manifestOf(META, VERSION)).toMatchObject({
      bin: { openwork: expect.any(String), 'openwork-orchestrator': expect.any(String) },
      optionalDependencies: Object.fromEntries(PLATFORMS.map(name => [name, VERSION])),
    })
    expect(registry.manifestOf(`${META}-linux-arm64-musl`, VERSION)).toMatchObject({
      os: ['linux'],
      cpu: ['arm64'],
      libc: ['musl'],
    })
  },
  LIMIT_MS,
)

test(
  'stops at the first that is refused, and takes another build under the same version for a mistake',
  async () => {
    await using registry = startPublishRegistry()
    const [first = '', second = ''] = PLATFORMS
    registry.guard(name => (name === second ? Response.json({ error: 'no right to it' }, { status: 403 }) : undefined))
    const refused = await publish(registry)

    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(`${second}@${VERSION} was not published`)
    expect(refused.stderr).toContain('no right to it')
    expect(registry.published).toEqual([first])

    registry.guard(() => undefined)
    const other = await publish(registry, { from: await newRelease('second') })
    expect(other.code).toBe(1)
    expect(other.stderr).toContain(`${first}@${VERSION} is on the registry with other content`)
    expect(registry.published).toEqual([first])
  },
  LIMIT_MS,
)

test(
  'only packs in a dry run',
  async () => {
    await using registry = startPublishRegistry()
    const { outdir, ended } = await start(registry, { env: { DRY_RUN: '1' } })

    expect((await ended).code).toBe(0)
    const tarballs = (await readdir(outdir)).filter(name => name.endsWith('.tgz')).sort()
    expect(tarballs).toEqual([META, ...PLATFORMS].map(name => `${name}-${VERSION}.tgz`).sort())
    const listed = Bun.spawnSync(['tar', '-tzf', join(outdir, `${META}-windows-x64-${VERSION}.tgz`)]).stdout.toString()
    expect(listed.trim().split('\n').sort()).toEqual(
      ['LICENSE', 'README.md', NOTICES_FILE, 'bin/openwork.exe', 'package.json'].map(file => `package/${file}`),
    )
    expect(registry.published).toEqual([])
  },
  LIMIT_MS,
)

test('publishes no release that is incomplete, or not what its hashes say', async () => {
  await using registry = startPublishRegistry()
  const empty = await publish(registry, { from: await mkdtemp(join(folder, 'empty-')) })
  expect(empty.code).toBe(1)
  expect(empty.stderr).toContain('run `npm run build:all`')

  const changed = await newRelease('changed')
  const asset = executableAsset(TARGETS['bun-darwin-arm64'].platform)
  await writeFile(join(changed, asset), 'something else')
  const { code, stderr } = await publish(registry, { from: changed })
  expect(code).toBe(1)
  expect(stderr).toMatch(new RegExp(`${asset} has SHA-256 [0-9a-f]{64}, SHA256SUMS says [0-9a-f]{64}`))
  expect(registry.published).toEqual([])
})

test.each(['.', 'npm/openwork-orchestrator', 'npm/platform'])(
  'a plain `npm publish` in %s is refused',
  async path => {
    await using registry = startPublishRegistry()
    const child = Bun.spawn([Bun.which('npm') ?? 'npm', 'publish', '--ignore-scripts'], {
      cwd: join(ROOT, path),
      env: { PATH: process.env.PATH, HOME: folder, npm_config_cache: join(folder, 'cache'), ...registry.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
    })
    const stderr = await child.stderr.text()

    expect(await child.exited).not.toBe(0)
    expect(stderr).toMatch(/EPRIVATE|Invalid name/)
    expect(registry.published).toEqual([])
  },
  LIMIT_MS,
)
