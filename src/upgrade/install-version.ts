import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../shared/errors.ts'
import { withFileLock, withFreeFileLock } from '../shared/file-lock.ts'
import { VERSION } from '../shared/version.ts'
import { executableFiles } from './executable-files.ts'
import type { Managed, Upgradable } from './installation.ts'
import { switchTo, tryPackage } from './managed.ts'
import { requireNoManager } from './manager-note.ts'
import { findVersion } from './other-openwork.ts'
import { rememberedVersion, rememberVersion } from './remembered-version.ts'
import { settle } from './replace-executable.ts'
import { removeLeftScratch } from './scratch-project.ts'
import { installRelease, type Release, rollBackExecutable } from './standalone.ts'
import { requireWritable, type UpgradeOptions } from './upgrade-options.ts'

/**
 * Puts a version in the place of this one, in the way of the installation. One upgrade at a time: whoever comes second waits,
 * and finds it done.
 *
 * @param release needed for an executable of its own
 * @throws OpenworkError what `tryPackage`, `switchTo` and `installRelease` throw
 */
export async function installVersion(
  installation: Upgradable,
  { version, release }: { version: string; release: Release | undefined },
  { dataDir, ...options }: UpgradeOptions & { dataDir: string },
): Promise<{ opencode: string | undefined }> {
  return await exclusively(installation, dataDir, options, async options => {
    const installed = await findVersion(installation.path, options)
    if (installed === version) return { opencode: undefined } // another upgrade was quicker
    if (installation.kind === 'managed') {
      const tried = await tryPackage(installation, version, options)
      await switchFromOurs(installation, version, { ...options, dataDir })
      return tried
    }
    if (release === undefined) throw new Error('a release is needed')
    return await installRelease(installation.path, release, options)
  })
}

/**
 * Puts back what was there before the last upgrade, and resolves to its version. This one is kept as what was before.
 * @throws OpenworkError `upgrade_not_possible` when there is nothing to go back to; `upgrade_failed`
 */
export async function rollBackVersion(
  installation: Upgradable,
  { dataDir, ...options }: UpgradeOptions & { dataDir: string },
): Promise<string> {
  return await exclusively(installation, dataDir, options, async options => {
    if (installation.kind === 'standalone') {
      const version = await rollBackExecutable(installation.path, options)
      await removeFiles(installation.path)
      return version
    }
    const version = await rememberedVersion(dataDir)
    await switchFromOurs(installation, version, { ...options, dataDir })
    return version
  })
}

/** Remembers this version before: the package manager goes on when we are killed. */
async function switchFromOurs(
  installation: Managed,
  version: string,
  { dataDir, ...options }: UpgradeOptions & { dataDir: string },
): Promise<void> {
  const takeBack = await rememberVersion(dataDir, VERSION)
  try {
    await switchTo(installation, { version, current: VERSION }, options)
  } catch (error) {
    await takeBack()
    throw error
  }
}

/** Removes what upgrades that were killed have left, where there is nothing to go on with. One under way is left alone. */
export async function removeLeftovers(
  { kind, path }: Upgradable,
  { scratchDir, signal }: Pick<UpgradeOptions, 'scratchDir' | 'signal'>,
): Promise<void> {
  await removeLeftScratch(scratchDir)
  const lock = `${path}.upgrade`
  if (kind === 'managed' || ![...filesOf(path), `${lock}.lock`].some(existsSync)) return
  try {
    await withFreeFileLock(lock, signal, () => removeFiles(path))
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    // Somebody may ask for a newer version who has no right to put it there.
  }
}

async function removeFiles(path: string): Promise<void> {
  await settle(path)
  for (const file of filesOf(path)) await rm(file, { recursive: true, force: true })
}

/** What is beside an executable while another one arrives: nobody but the holder of the upgrade's lock makes them. */
function filesOf(path: string): string[] {
  const { next } = executableFiles(path)
  return [next, `${next}.part`, `${next}.part.json`, `${next}.lock`]
}

async function exclusively<Result>(
  { kind, path }: Upgradable,
  dataDir: string,
  options: UpgradeOptions,
  work: (options: UpgradeOptions) => Promise<Result>,
): Promise<Result> {
  if (kind === 'standalone') await requireWritable(path, 'openwork upgrade')
  else await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const locked = kind === 'standalone' ? `${path}.upgrade` : join(dataDir, 'upgrade')
  const onWait = (): void => options.onStep('Waiting for another upgrade to end')
  return await withFileLock(locked, { onWait, signal: options.signal }, async signal => {
    if (kind === 'managed') await requireNoManager(options.scratchDir)
    return await work({ ...options, signal })
  })
}
