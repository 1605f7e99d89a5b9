import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { UpgradeOptions } from '../../src/upgrade/upgrade-options.ts'

/** Options of an upgrade in a folder of its own, and the steps that it has told. */
export async function upgradeBox(env: UpgradeOptions['env'] = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-upgrading-'))
  const steps: string[] = []
  const options = {
    env,
    place: undefined,
    sidecarDir: join(folder, 'sidecars'),
    scratchDir: join(folder, 'upgrade'),
    signal: new AbortController().signal,
    onStep: (what: string) => steps.push(what),
    onProgress: () => {},
    onOutput: () => {},
    onOutcome: () => {},
  }
  return { folder, options, steps, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
