import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmPack } from '../../build/npm.ts'
import { assemblePackages } from '../../build/packages.ts'
import { VERSION } from '../../src/shared/version.ts'
import { findMachine } from '../../src/sidecars/pins/target.ts'
import { opencodeBinary } from '../fixtures/opencode.ts'
import { fetchTool, whyNoTools } from '../npm/tools.ts'
import { newWorld, OPENWORK, testUnless } from './harness.ts'

const LIMIT_MS = 120_000
const NPM = Bun.which('npm') ?? 'npm'
const NODE = Bun.which('node') ?? 'node'
const missing = process.platform === 'win32' ? 'the commands are .cmd files there' : undefined
const missingNode = missing ?? (await whyNoTools(['node 24']))

let folder: string
let packages: string[]
let tarballs: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-npm-'))
  const machine = await findMachine()
  if (!machine) throw new Error('no package for this machine')
  const outdir = join(folder, 'packages')
  packages = await assemblePackages(outdir, [{ ...machine, executable: OPENWORK }])
  tarballs = []
  for (const each of packages) tarballs.push(join(outdir, await npmPack(each, outdir)))
}, LIMIT_MS)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** Resolves to the folder of the commands. */
async function installGlobally(name: string, ...flags: string[]): Promise<string> {
  const prefix = join(folder, name)
  await mkdir(prefix)
  const argv = [NPM, 'install', '--global', '--offline', `--prefix=${prefix}`, `--cache=${join(folder, 'cache')}`]
  const installed = Bun.spawnSync([...argv, ...flags, ...tarballs], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    timeout: 60_000,
  })
  expect(installed.stderr.toString()).not.toContain('npm error')
  expect(installed.exitCode).toBe(0)
  return process.platform === 'win32' ? prefix : join(prefix, 'bin')
}

test(
  'the packed npm packages install offline, and both commands run',
  async () => {
    const bin = await installGlobally('both')

    if (process.platform !== 'win32') expect((await readdir(bin)).sort()).toEqual(['openwork', 'openwork-orchestrator'])
    for (const command of ['openwork', 'openwork-orchestrator']) {
      const program = Bun.which(command, { PATH: bin })
      expect(program).not.toBeNull()
      const ran = Bun.spawnSync([program ?? command, '--version'], { cwd: folder, timeout: 20_000 })
      expect(ran.stdout.toString()).toBe(`${VERSION}\n`)
      expect(ran.exitCode).toBe(0)
    }
    const manifest = await readFile(join(packages.at(-1) ?? '', 'package.json'), 'utf8')
    expect(JSON.parse(manifest)).toMatchObject({ name: 'openwork-orchestrator', version: VERSION })
  },
  LIMIT_MS,
)

describe('a host that the command of the npm package started', () => {
  const ways: [string, string | undefined, (bin: string) => Promise<[string, ...string[]]>, string[]][] = [
    ['in the launcher’s place', missing, async bin => [join(bin, 'openwork')], []],
    ['as a child of Node', missing, async bin => [NODE, join(bin, 'openwork')], ['--ignore-scripts']],
    [
      'in the place of Node',
      missingNode,
      async bin => [await fetchTool('node 24'), join(bin, 'openwork')],
      ['--ignore-scripts'],
    ],
  ]
  for (const [index, [how, reason, programIn, flags]] of ways.entries())
    testUnless(reason)(
      `${how} is ready, ends by a signal to the command, and leaves nothing`,
      async () => {
        const program = await programIn(await installGlobally(`way-${index}`, ...flags))
        await using world = await newWorld()
        Object.assign(world.env, { OPENWORK_ALLOW_EXTERNAL: '1', OPENWORK_OPENCODE_BIN: await opencodeBinary() })

        const host = await world.serve([], { program })
        expect(await host.status('/health')).toBe(200)
        const { code, signal } = await host.stop()

        expect({ code, signal }).toEqual({ code: 0, signal: null })
        expect(world.processes()).toEqual([])
      },
      LIMIT_MS,
    )
})
