import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { findPublished } from '../../src/upgrade/managed.ts'
import { requireTrial } from '../../src/upgrade/require-trial.ts'
import { findRelease } from '../../src/upgrade/standalone.ts'
import { startMirror } from '../fixtures/mirror.ts'
import { failure } from '../sidecars/kit.ts'
import { freePort } from '../supervisor/support.ts'
import { upgradeBox } from './options.ts'

test('npm is not waited for where its registry cannot be reached, and the network is what to look at', async () => {
  await using box = await upgradeBox({
    PATH: process.env.PATH,
    npm_config_registry: `http://127.0.0.1:${await freePort()}/`,
  })

  await expect(findPublished(undefined, box.options)).rejects.toMatchObject({
    code: 'upgrade_failed',
    message: expect.stringMatching(/^The newest openwork could not be had: npm view .*ECONNREFUSED/),
    hint: expect.stringContaining('Check the network, and the proxy and registry of npm'),
  })

  expect(box.steps).toEqual(['Asking npm for the newest openwork'])
  expect(await readdir(box.options.scratchDir)).toEqual([])
})

test('without npm nobody asks the registry', async () => {
  await using box = await upgradeBox({ PATH: '/nowhere' })

  await expect(findPublished('1.2.3', box.options)).rejects.toMatchObject({
    code: 'upgrade_failed',
    hint: expect.stringContaining('put it on PATH'),
  })
})

test('where the newest release is none of openwork, a version is to be named', async () => {
  await using mirror = await startMirror()
  await using box = await upgradeBox()

  await expect(findRelease(undefined, box.options, mirror.origin)).rejects.toMatchObject({
    code: 'sidecar_download_failed',
    message: expect.stringMatching(/^The newest release is none of openwork: .*HTTP 404$/),
    hint: expect.stringMatching(/--to <version>.*--sidecar-base-url/),
  })

  expect(box.steps).toEqual([`Asking ${new URL(mirror.origin).host} for the newest release`])
})

test('a place of releases that does not answer is given up soon, and no flag is blamed that nobody gave', async () => {
  await using box = await upgradeBox()
  const gone = `http://127.0.0.1:${await freePort()}`

  const error = await failure(findRelease(undefined, box.options, gone))

  expect(error.message).toEndWith('connection refused (ECONNREFUSED) (3 attempts)')
  expect(error.hint).toContain('Name a mirror')
})

test('a version from before trials is refused, with how to install it by hand', () => {
  const npm = { kind: 'managed', path: '/usr/lib/node_modules/x', manager: 'npm', prefix: '/usr' } as const
  for (const [installation, hint] of [
    [npm, /`npm install --global --prefix \/usr openwork-orchestrator@0\.18\.1`/],
    [{ kind: 'standalone', path: '/opt/openwork' }, /openwork-orchestrator-v0\.18\.1, in the place of \/opt\/openwork/],
  ] as const) {
    let thrown: unknown
    try {
      requireTrial(installation, '0.18.1')
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'upgrade_not_possible', hint: expect.stringMatching(hint) })
    requireTrial(installation, '0.19.0')
  }
})
