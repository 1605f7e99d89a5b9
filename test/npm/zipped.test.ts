import { expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '../../src/shared/version.ts'
import { startNpmRegistry } from '../fixtures/npm-registry.ts'
import { MANAGERS } from './managers.ts'
import { newSite, runner } from './matrix.ts'
import { newPackageFolder, PLATFORM_PACKAGE } from './package-folder.ts'
import { whyNoTools } from './tools.ts'

const missing = await whyNoTools(['yarn 4'])

test.skipIf(missing !== undefined)(
  `a Yarn that keeps the platform package zipped has its executable copied out, once${missing ? ` (${missing})` : ''}`,
  async () => {
    const yarn = MANAGERS.find(({ name }) => name.includes('PnP'))
    if (!yarn) throw new Error('no Yarn')
    const root = await mkdtemp(join(tmpdir(), 'openwork-zipped-'))
    try {
      await using registry = await startNpmRegistry()
      await using folder = await newPackageFolder()
      for (const each of [folder.platform, folder.meta]) await registry.publish(each)
      const setup = { place: 'local', scripts: false, optional: true } as const
      const site = await newSite(root, setup, yarn, registry.url)
      const project = {
        private: true,
        dependenciesMeta: { [`${PLATFORM_PACKAGE}@${VERSION}`]: { unplugged: false } },
      }
      await writeFile(join(site.project, 'package.json'), JSON.stringify(project))
      const run = await runner(yarn, site, 'http://127.0.0.1:1')

      expect(await run.manager(yarn.install(setup, site))).toMatchObject({ code: 0 })
      const first = await run.manager(['run', 'openwork', 'x'])
      const second = await run.manager(['run', 'openwork', 'y'])

      expect(first).toMatchObject({ code: 0, stdout: 'program x\n' })
      expect(first.stderr).toMatch(/^Fetching openwork \S+ from \S+\.zip\/node_modules\//)
      expect(second).toEqual({ code: 0, stdout: 'program y\n', stderr: '' })
    } finally {
      await rm(root, { recursive: true, force: true })
    }
  },
  60_000,
)
