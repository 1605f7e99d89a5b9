import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { withFileLock } from '../../shared/file-lock.ts'
import { VERSION } from '../../shared/version.ts'
import type { Upgradable } from '../../upgrade/installation.ts'
import { installPackage, switchTo } from '../../upgrade/managed.ts'
import { findVersion } from '../../upgrade/other-openwork.ts'
import { rememberedVersion, rememberVersion } from '../../upgrade/remembered-version.ts'
import { installRelease, rollBackExecutable } from '../../upgrade/standalone.ts'
import { requireWritable, type UpgradeOptions } from '../../upgrade/upgrade-options.ts'
import { onOneLine } from '../kit/one-line.ts'
import type { Output } from '../kit/output.ts'
import type { Offer } from './offer.ts'
import { hostsOfOtherVersion } from './renew-host.ts'

type Around = { dataDir: string; output: Output }

export async function install(
  installation: Upgradable,
  { version, release }: Offer,
  { dataDir, output }: Around,
  options: UpgradeOptions,
): Promise<void> {
  const opencode = await exclusively(installation, dataDir, options, async options => {
    const installed = await findVersion(installation.path, options)
    if (installed === version) return undefined // another upgrade was quicker
    if (installation.kind === 'managed') {
      const done = await installPackage(installation, { version, current: VERSION }, options)
      await rememberVersion(dataDir, VERSION)
      return done.opencode
    }
    if (release === undefined) throw new Error('a release is needed')
    return (await installRelease(installation.path, release, options)).opencode
  })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(dataDir), version)
  tellInstalled(installation, { version, opencode, outdated }, output)
}

export async function rollBack(
  installation: Upgradable,
  { dataDir, output }: Around,
  options: UpgradeOptions,
): Promise<void> {
  const version = await exclusively(installation, dataDir, options, async options => {
    if (installation.kind === 'standalone') return await rollBackExecutable(installation.path, options)
    const version = await rememberedVersion(dataDir)
    await switchTo(installation, { version, current: VERSION }, options)
    await rememberVersion(dataDir, VERSION)
    return version
  })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(dataDir), version)
  tellInstalled(installation, { version, opencode: undefined, outdated }, output)
}

/** One upgrade at a time. */
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
  return await withFileLock(locked, { onWait, signal: options.signal }, signal => work({ ...options, signal }))
}

function tellInstalled(
  installation: Upgradable,
  { version, opencode, outdated }: { version: string; opencode: string | undefined; outdated: readonly LocalHost[] },
  output: Output,
): void {
  const hosts = outdated.map(({ workspace, baseUrl: url }) => ({ workspace, url }))
  const brings = opencode === undefined ? {} : { opencode }
  const { kind: method, path } = installation
  // A manager may have another folder for each version.
  const where = installation.kind === 'managed' ? { manager: installation.manager } : { path }
  output.result({ ok: true, previous: VERSION, version, ...brings, method, ...where, outdatedHosts: hosts }, () =>
    [
      `openwork ${version} is installed${opencode === undefined ? '' : `, with opencode ${opencode}`}; it was ${VERSION}`,
      installation.kind === 'managed' ? `  by ${installation.manager}` : `  ${path}`,
      ...hosts.map(({ workspace, url }) => `  ${url} (${onOneLine(workspace)}) still runs another version`),
      hosts.length > 0
        ? '  `openwork upgrade --running` renews what they run; a restart renews them as a whole'
        : `  \`openwork upgrade --rollback\` goes back to ${VERSION}`,
    ].join('\n'),
  )
}
