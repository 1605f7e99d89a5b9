import { OPENCODE_VERSION, VERSION } from '../../shared/version.ts'
import type { Foreign, Upgradable } from '../../upgrade/installation.ts'
import { findPublished } from '../../upgrade/managed.ts'
import { installCommand, shown } from '../../upgrade/managers.ts'
import { requireTrial } from '../../upgrade/require-trial.ts'
import { findRelease, type Release } from '../../upgrade/standalone.ts'
import type { UpgradeOptions } from '../../upgrade/upgrade-options.ts'
import { isNewer } from '../../upgrade/version-order.ts'
import type { Output } from '../kit/output.ts'

/** A version that can be had. */
export type Offer = {
  version: string
  /** The newest one; undefined when another was asked for. */
  latest: string | undefined
  /** Of opencode, where it is known beforehand. */
  opencode: string | undefined
  /** For an executable of its own. */
  release: Release | undefined
  /** Newer than this one or, where a version was asked for, another one. */
  isUpgrade: boolean
}

export async function findOffer(
  installation: Upgradable,
  wanted: string | undefined,
  options: UpgradeOptions,
): Promise<Offer> {
  if (wanted !== undefined) requireTrial(installation, wanted)
  const release = installation.kind === 'standalone' ? await findRelease(wanted, options) : undefined
  const version = release?.version ?? (await findPublished(wanted, options))
  return {
    version,
    latest: wanted === undefined ? version : undefined,
    opencode: release?.opencode,
    release,
    isUpgrade: wanted === undefined ? isNewer(version, VERSION) : version !== VERSION,
  }
}

export function tellOffer(installation: Upgradable, offer: Offer, output: Output): void {
  const { version, latest, opencode, isUpgrade } = offer
  const { kind, path } = installation
  const command = `openwork upgrade${latest === undefined ? ` --to ${version}` : ''}`
  const done = kind === 'managed' ? shown(installCommand(installation, version)) : command
  const document = {
    ok: true,
    current: VERSION,
    latest: latest ?? null,
    offered: isUpgrade ? version : null,
    upgradeAvailable: isNewer(version, VERSION),
    method: kind,
    ...(kind === 'managed' && { manager: installation.manager }),
    path,
    command: isUpgrade ? done : null,
    opencode: {
      current: OPENCODE_VERSION,
      latest: (latest && opencode) ?? null,
      offered: (isUpgrade && opencode) || null,
    },
  }
  output.result(document, () =>
    [
      `openwork ${VERSION}, with opencode ${OPENCODE_VERSION}`,
      `  ${path}${kind === 'managed' ? ` (installed by ${installation.manager})` : ''}`,
      isUpgrade
        ? `  ${version}${opencode ? `, with opencode ${opencode},` : ''} can be installed: \`${command}\``
        : `  ${whyNot(offer)}`,
    ].join('\n'),
  )
}

function whyNot({ version, latest }: Offer): string {
  if (latest === undefined) return `It is ${version} already`
  if (version === VERSION) return 'There is nothing newer'
  return `There is nothing newer: this one (${VERSION}) is newer than the newest published (${version})`
}

/** Who can change an openwork that is not its own to change. */
export function tellForeign({ name: method, what, advice, path }: Foreign, output: Output): void {
  const unknown = { latest: null, offered: null, upgradeAvailable: null }
  const state = { ok: true, current: VERSION, ...unknown, method, path, command: null, advice }
  output.result(
    { ...state, opencode: { current: OPENCODE_VERSION, latest: null, offered: null } },
    `openwork ${VERSION}, with opencode ${OPENCODE_VERSION}\n  ${path}\n  It is ${what}. ${advice}`,
  )
}
