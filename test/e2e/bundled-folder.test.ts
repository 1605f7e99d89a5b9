// What `npm run build:bundled` makes, carried to a machine that has no network.
import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { startMirror } from '../fixtures/mirror.ts'
import { newWorld, OPENCODE, ROOT } from './harness.ts'

test('a bundled folder starts without a network and without a cache', async () => {
  await using world = await newWorld()
  await using internet = await startMirror()
  const folder = join(world.home, 'carried')
  const script = join(ROOT, 'build', 'bundled.ts')
  const built = Bun.spawn([process.execPath, script, '--outdir', folder], {
    cwd: world.home,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  expect({ stderr: await built.stderr.text(), code: await built.exited }).toEqual({ stderr: '', code: 0 })
  const opencode = join(folder, 'sidecars', 'opencode')

  const host = await world.serve(['--opencode-source', 'bundled'], {
    program: [join(folder, 'openwork')],
    env: {
      HTTPS_PROXY: internet.origin,
      HTTP_PROXY: internet.origin,
      npm_config_registry: internet.origin,
      OPENWORK_SIDECAR_BASE_URL: internet.origin,
    },
  })

  expect(host.document.diagnostics.binaries).toMatchObject({
    opencode: { path: opencode, source: 'bundled', expectedVersion: OPENCODE_VERSION, actualVersion: OPENCODE_VERSION },
    openworkServer: { source: 'bundled', expectedVersion: VERSION },
  })
  expect(world.processes().find(({ command }) => command.includes(OPENCODE))?.command).toStartWith(opencode)
  expect(JSON.stringify(host.text('stderr'))).not.toContain('not used')
  await host.stop()
  expect(existsSync(join(world.dataDir, 'sidecars', 'opencode'))).toBe(false)
  expect(internet.requests).toEqual([])
  const sha256 = createHash('sha256')
    .update(await readFile(opencode))
    .digest('hex')
  expect(JSON.parse(await readFile(join(folder, 'sidecars', 'versions.json'), 'utf8'))).toEqual({
    opencode: { version: OPENCODE_VERSION, sha256 },
  })
  for (const name of ['openwork-server', 'opencode-router'])
    expect((await stat(join(folder, name))).ino).toBe((await stat(join(folder, 'openwork'))).ino)
})
