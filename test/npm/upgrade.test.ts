import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import { type NpmRegistry, startNpmRegistry } from '../fixtures/npm-registry.ts'
import { MANAGERS, type Manager, type Site } from './managers.ts'
import { howItStarts, newSite, runner } from './matrix.ts'
import { outcomesIn, readTable } from './matrix-table.ts'
import { newPackageFolder, PROGRAM } from './package-folder.ts'
import { whyNoTools } from './tools.ts'

const NEXT = '99.1.0'
const LIMIT_MS = 60_000
const SETUP = { scripts: true, optional: true } as const

const missing = await whyNoTools()

describe.skipIf(missing !== undefined)(`an installed command${missing ? ` (${missing})` : ''}`, () => {
  let registry: NpmRegistry
  let root: string
  let table: string

  beforeAll(async () => {
    table = await readTable()
    registry = await startNpmRegistry()
    root = await mkdtemp(join(tmpdir(), 'openwork-upgrade-'))
    await using folder = await newPackageFolder()
    for (const each of [folder.platform, folder.meta]) {
      const next = `${each}-next`
      await cp(each, next, { recursive: true })
      await rename(next)
      await registry.publish(next)
      await registry.publish(each) // last, so that it is `latest`
    }
  }, LIMIT_MS)

  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]()
    if (root) await rm(root, { recursive: true, force: true })
  })

  /** Makes a copy of a package another version, whose program says that. */
  async function rename(folder: string): Promise<void> {
    for (const file of ['package.json', 'bin/openwork', 'checksums.json']) {
      const path = join(folder, file)
      if (!existsSync(path)) continue
      const text = (await readFile(path, 'utf8')).replaceAll(VERSION, NEXT)
      const program = PROGRAM.replaceAll(VERSION, NEXT)
      const hash = (content: string): string => new Bun.CryptoHasher('sha256').update(content).digest('hex')
      await writeFile(
        path,
        text.replace(hash(PROGRAM), hash(program)).replace(/"size": \d+/, `"size": ${program.length}`),
      )
    }
  }

  async function siteOf(manager: Manager, place: 'local' | 'global'): Promise<{ site: Site; folder: string }> {
    const folder = await mkdtemp(join(root, 'site-'))
    return { site: await newSite(folder, { place, ...SETUP }, manager, registry.url), folder }
  }

  for (const manager of MANAGERS)
    for (const place of manager.places) {
      const name = `${manager.name}, ${place}`
      test(
        `starts as npm/README.md says, goes to another version and back, and away: ${name}`,
        async () => {
          const { site } = await siteOf(manager, place)
          const setup = { place, ...SETUP }
          const run = await runner(manager, site, 'http://127.0.0.1:1')
          const command = manager.command(setup, site)
          const version = () =>
            typeof command === 'string'
              ? run.program([command, '--version'])
              : run.manager([...command.args, '--version'])
          const installed = async (wanted: string): Promise<string> => {
            const args = manager
              .install(setup, site)
              .map(each => each.replace(/^openwork-orchestrator$/, `$&@${wanted}`))
            const { code, stdout, stderr } = await run.manager(args)
            if (code !== 0) throw new Error(`${args.join(' ')}: exit code ${code}\n${stdout}\n${stderr}`)
            return (await version()).stdout
          }

          expect(await installed(VERSION)).toBe(`${VERSION}\n`)
          const how: string = await howItStarts(command, new TextEncoder().encode(PROGRAM))
          expect(how).toBe(outcomesIn(table, { manager, place })[0] ?? 'nothing')
          expect(await installed(NEXT)).toBe(`${NEXT}\n`)
          expect(await installed(VERSION)).toBe(`${VERSION}\n`)
          expect(await run.manager(manager.uninstall(setup, site))).toMatchObject({ code: 0 })
          expect(typeof command === 'string' && existsSync(command)).toBe(false)
        },
        LIMIT_MS,
      )
    }

  test(
    'is there for two that install it at once, with one home and one cache',
    async () => {
      const manager = MANAGERS[0]
      if (!manager) throw new Error('no npm')
      const { site, folder } = await siteOf(manager, 'local')
      const run = await runner(manager, site, 'http://127.0.0.1:1')
      const args = manager.install({ place: 'local', ...SETUP }, site)
      const projects = [join(folder, 'one'), join(folder, 'two')]

      const runs = await Promise.all(projects.map(project => run.manager([...args, `--prefix=${project}`])))

      expect(runs.map(({ code }) => code)).toEqual([0, 0])
      for (const project of projects) {
        const command = join(project, 'node_modules', '.bin', 'openwork')
        expect((await run.program([command, '--version'])).stdout).toBe(`${VERSION}\n`)
      }
    },
    LIMIT_MS,
  )
})
