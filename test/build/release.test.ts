import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashFile, parseChecksums } from '../../build/release/checksums.ts'
import { ALL_TARGETS, isTarget, TARGETS } from '../../build/targets.ts'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { sidecarManifest } from '../../src/sidecars/release/manifest.ts'
import { executableAsset, MANIFEST_FILE, platformName } from '../../src/sidecars/release/release.ts'
import { whyNoRuntimes } from '../fixtures/runtimes.ts'

const ROOT = join(import.meta.dir, '..', '..')
const LIMIT_MS = 60_000
/** All that `build:all` reads. */
const SOURCES = ['src', 'build', 'scripts', 'package.json', 'package-lock.json', 'tsconfig.json', 'LICENSE']
/** Dependencies of ours that no program imports, the largest. */
const TOOLS = /node_modules\/(?:@(?:oven|biomejs|typescript|types|oxc-\w+)|opencode-linux-.*|typescript|knip|bun.*)$/

const machine = await findMachine()
const own = ALL_TARGETS.find(target => machine && platformName(TARGETS[target].platform) === platformName(machine))
if (!own) throw new Error('there is no release for this machine')
const other = own === 'bun-linux-arm64' ? 'bun-linux-x64' : 'bun-linux-arm64'
const missing = await whyNoRuntimes([own, other])

let folder: string
let first: string
let second: string

/** Another checkout, at another path. */
async function checkout(name: string, from = ROOT): Promise<string> {
  const copy = join(folder, name)
  for (const each of SOURCES) await cp(join(from, each), join(copy, each), { recursive: true })
  // Not a link, which would lead back to one and the same path.
  await cp(join(from, 'node_modules'), join(copy, 'node_modules'), {
    recursive: true,
    filter: path => !TOOLS.test(path),
  })
  await symlink(join(ROOT, 'dist'), join(copy, 'dist')) // the runtimes are fetched once
  return copy
}

async function buildAll(
  root: string,
  { outdir, targets = [own, other], date = '1700000000' }: { outdir: string; targets?: unknown[]; date?: string },
) {
  const flags = ['--outdir', outdir, '--without-opencode', ...targets.flatMap(target => ['--target', String(target)])]
  const build = Bun.spawn([process.execPath, join(root, 'build', 'all.ts'), ...flags], {
    cwd: folder,
    env: { ...process.env, SOURCE_DATE_EPOCH: date },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
  })
  const stderr = await build.stderr.text()
  return { code: await build.exited, stderr }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-release-'))
  if (missing) return
  first = join(folder, 'first-release')
  second = join(folder, 'elsewhere', 'second')
  const one = await checkout('one')
  const another = await checkout('a/checkout at/another path', one)
  for (const [root, outdir] of [
    [one, first],
    [another, second],
  ] as const)
    expect(await buildAll(root, { outdir })).toEqual({ code: 0, stderr: '' })
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

const jsonOf = async (name: string) => JSON.parse(await readFile(join(first, name), 'utf8'))
const names = [own, other].filter(isTarget).map(target => executableAsset(TARGETS[target].platform))

describe.skipIf(missing !== undefined)(`a release${missing ? ` (${missing})` : ''}`, () => {
  test('is byte for byte the same when it is built again in another folder', async () => {
    const files = (await readdir(first)).sort()
    expect(files).toEqual((await readdir(second)).sort())
    expect(files).toContain(names[0] ?? '')
    for (const name of files)
      expect({ name, ...(await hashFile(join(first, name))) }).toEqual({
        name,
        ...(await hashFile(join(second, name))),
      })
  })

  test('names no path of the machine that built it', async () => {
    const paths = [folder, ROOT]
    for (const name of await readdir(first)) {
      const bytes = await readFile(join(first, name))
      expect({ name, found: paths.filter(path => bytes.includes(path)) }).toEqual({ name, found: [] })
    }
  })

  test('has an executable for this machine that runs', () => {
    const ended = Bun.spawnSync([join(first, names[0] ?? ''), '--version'], { cwd: folder, timeout: LIMIT_MS })
    expect(ended.stdout.toString()).toBe(`${VERSION}\n`)
  })

  test('lists the SHA-256 of every file', async () => {
    const listed = parseChecksums(await readFile(join(first, 'SHA256SUMS'), 'utf8'))
    const files = (await readdir(first)).filter(name => name !== 'SHA256SUMS').sort()

    expect([...listed.keys()].sort()).toEqual(files)
    for (const name of files) expect((await hashFile(join(first, name))).sha256).toBe(listed.get(name) ?? '')
  })

  test('has a sidecar manifest that names the one executable for each program', async () => {
    const { version, generatedAt, entries } = sidecarManifest.parse(await jsonOf(MANIFEST_FILE))

    expect({ version, generatedAt }).toEqual({ version: VERSION, generatedAt: '2023-11-14T22:13:20.000Z' })
    expect(Object.keys(entries)).toEqual(['openwork', 'openwork-server', 'opencode-router'])
    const targets: Record<string, object> = {}
    for (const target of [own, other].filter(isTarget)) {
      const asset = executableAsset(TARGETS[target].platform)
      targets[platformName(TARGETS[target].platform)] = { asset, ...(await hashFile(join(first, asset))) }
    }
    for (const entry of Object.values(entries)) expect<object | undefined>(entry).toEqual({ version: VERSION, targets })
  })

  test('has an SBOM of what is compiled in and nothing else', async () => {
    const sbom = await jsonOf('openwork-orchestrator.cdx.json')
    const components: { name: string; type: string; version: string; purl: string; hashes: unknown[] }[] =
      sbom.components
    const named = (name: string) => components.find(component => component.name === name)

    expect(sbom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' })
    expect(sbom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(named('hono')?.purl).toMatch(/^pkg:npm\/hono@\d+\.\d+\.\d+$/)
    expect(named('bun')).toMatchObject({ type: 'platform', version: Bun.version })
    expect(named('opencode-linux-x64')).toMatchObject({ type: 'application', version: OPENCODE_VERSION })
    expect(named('typescript')).toBeUndefined() // a tool
    const refs = components.map(component => component.purl)
    expect(new Set(refs).size).toBe(refs.length)
    expect(new Set(sbom.dependencies[0].dependsOn)).toEqual(new Set(refs))
  })

  test('carries the licence of everything that is in it', async () => {
    const notices = await readFile(join(first, 'THIRD-PARTY-NOTICES.txt'), 'utf8')
    const sbom = await jsonOf('openwork-orchestrator.cdx.json')

    for (const { type, name, version } of sbom.components)
      if (type === 'library') expect(notices).toContain(`\n${name} ${version}\n`)
    expect(notices).toContain(`opencode ${OPENCODE_VERSION}`)
    expect(notices).toContain('Copyright (c) 2025 opencode')
    expect(await readFile(join(first, 'LICENSE'), 'utf8')).toBe(await readFile(join(ROOT, 'LICENSE'), 'utf8'))
  })

  test('has an installer that knows the hashes', async () => {
    const script = await readFile(join(first, 'install.sh'), 'utf8')
    const { sha256 } = await hashFile(join(first, names[0] ?? ''))

    expect(script).toContain(`${sha256}  ${names[0]}`)
    expect(script).toContain(`\nRELEASE='${VERSION}'\n`)
  })

  test('is not built with a date that is none', async () => {
    const outdir = join(folder, 'undated')
    const { code, stderr } = await buildAll(ROOT, { outdir, date: 'yesterday' })

    expect(code).toBe(1)
    expect(stderr).toContain('SOURCE_DATE_EPOCH is "yesterday", not a number of seconds')
    expect(existsSync(outdir)).toBe(false)
  })
})

const untold = missing ? ` (${missing})` : ''
test.skipIf(missing !== undefined)(
  `a runtime that is not the one in the lockfile is refused${untold}`,
  async () => {
    const copy = await checkout('tampered')
    const lock = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'))
    lock.packages[`node_modules/${TARGETS['bun-windows-arm64'].runtime}`].integrity = 'sha512-another'
    await rm(join(copy, 'dist'))
    await writeFile(join(copy, 'package-lock.json'), JSON.stringify(lock))

    const { code, stderr } = await buildAll(copy, { outdir: join(folder, 'none'), targets: ['bun-windows-arm64'] })

    expect(code).toBe(1)
    expect(stderr).toMatch(/@oven\/bun-windows-aarch64@\S+ is sha512-\S+, but package-lock.json says sha512-another/)
  },
  60_000,
)
