// npm run pin:opencode with the real npm, in a copy of the checkout, against a registry on loopback with small programs.
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type NpmRegistry, startNpmRegistry } from '../fixtures/npm-registry.ts'

const ROOT = join(import.meta.dir, '..', '..')
const PINS = 'src/sidecars/pins/opencode-pins.generated.ts'
const LIMIT_MS = 60_000
const VERSION = '9.8.7'
const PROGRAMS: Record<string, string> = {
  'opencode-linux-x64': 'the one program',
  'opencode-linux-x64-baseline': 'the one program',
  'opencode-windows-x64': 'another program',
}
const MISSING = 'opencode-darwin-arm64'

let folder: string
let checkout: string
let registry: NpmRegistry

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-pin-'))
  checkout = join(folder, 'checkout')
  for (const each of ['src', 'scripts', 'package.json', 'tsconfig.json'])
    await cp(join(ROOT, each), join(checkout, each), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'))
  registry = await startNpmRegistry()
  const names = [...Object.keys(PROGRAMS), MISSING]
  const optionalDependencies = Object.fromEntries(names.map(name => [name, VERSION]))
  await publish({ name: 'opencode-ai', version: VERSION, optionalDependencies })
  for (const [name, program] of Object.entries(PROGRAMS))
    await publish({ name, version: VERSION }, { [fileOf(name)]: program })
}, LIMIT_MS)

afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const fileOf = (name: string): string => (name.includes('windows') ? 'opencode.exe' : 'opencode')

async function publish(manifest: { name: string; version: string; [field: string]: unknown }, bin = {}): Promise<void> {
  const source = await mkdtemp(join(folder, 'package-'))
  await mkdir(join(source, 'bin'))
  await writeFile(join(source, 'package.json'), JSON.stringify(manifest))
  for (const [name, content] of Object.entries<string>(bin)) await writeFile(join(source, 'bin', name), content)
  await registry.publish(source)
}

async function pin(...args: string[]) {
  const child = Bun.spawn([process.execPath, join(checkout, 'scripts', 'pin-opencode.ts'), VERSION, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      npm_config_registry: registry.url,
      npm_config_cache: join(folder, 'cache'),
      npm_config_update_notifier: 'false',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { code: await child.exited, stdout, stderr }
}

/** The files of the copy's sources, by path below the checkout. */
async function contents(): Promise<Map<string, string>> {
  const files = await readdir(join(checkout, 'src'), { recursive: true, withFileTypes: true })
  const paths = files.filter(file => file.isFile()).map(file => join(file.parentPath, file.name))
  return new Map(
    await Promise.all(
      paths.map(async path => [relative(checkout, path), await readFile(path, 'utf8')] satisfies [string, string]),
    ),
  )
}

/** What became different or new while `run` ran. */
async function changedBy<T>(run: () => Promise<T>): Promise<T & { changed: string[] }> {
  const before = await contents()
  const result = await run()
  const after = await contents()
  return { ...result, changed: [...after].filter(([path, text]) => before.get(path) !== text).map(([path]) => path) }
}

test(
  'a registry that lacks a build changes nothing, and the missing one is named',
  async () => {
    const { code, stdout, stderr, changed } = await changedBy(() => pin())

    expect({ code, changed }).toEqual({ code: 1, changed: [] })
    expect(stdout).toContain(`${MISSING} is not carried by the registry\n`)
    expect(stderr).toBe(
      `Nothing was written: the registry lacks 1 builds of opencode ${VERSION}. Take one that carries all, or --partial.\n`,
    )
  },
  LIMIT_MS,
)

test(
  'with --partial the pins that openwork is built with are those of the registry, and no other file changes',
  async () => {
    const { code, stdout, stderr, changed } = await changedBy(() => pin('--partial'))

    expect({ code, stderr, changed }).toEqual({ code: 0, stderr: '', changed: [PINS] })
    expect(stdout).toContain('One and the same program: opencode-linux-x64, opencode-linux-x64-baseline\n')
    expect(stdout).toEndWith(`Wrote 3 pins of opencode ${VERSION}, 1 missing\n`)
    const { OPENCODE_PINS } = await import(join(checkout, PINS))
    const pinOf = ([name, program]: [string, string]) => {
      const sha256 = createHash('sha256').update(program).digest('hex')
      return [name, { file: fileOf(name), sha256, size: program.length }]
    }
    expect(OPENCODE_PINS).toEqual({
      version: VERSION,
      packages: Object.fromEntries(Object.entries(PROGRAMS).map(pinOf)),
    })
    expect(await readFile(join(checkout, PINS), 'utf8')).toContain(
      `// Not pinned, the registry did not carry it: ${MISSING}\n`,
    )
  },
  LIMIT_MS,
)
