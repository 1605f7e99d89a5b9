import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { VERSION } from '../../shared/version.ts'
import { installVersion, rollBackVersion } from '../../upgrade/install-version.ts'
import type { Upgradable } from '../../upgrade/installation.ts'
import type { UpgradeOptions } from '../../upgrade/upgrade-options.ts'
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
  const { opencode } = await installVersion(installation, { version, release }, { ...options, dataDir })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(dataDir), version)
  tellInstalled(installation, { version, opencode, outdated }, output)
}

export async function rollBack(
  installation: Upgradable,
  { dataDir, output }: Around,
  options: UpgradeOptions,
): Promise<void> {
  const version = await rollBackVersion(installation, { ...options, dataDir })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(dataDir), version)
  tellInstalled(installation, { version, opencode: undefined, outdated }, output)
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
