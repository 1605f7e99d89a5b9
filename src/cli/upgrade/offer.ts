import { OPENCODE_VERSION, VERSION } from '../../shared/version.ts'
import type { Foreign, Upgradable } from '../../upgrade/installation.ts'
import { commandOf, findPublished } from '../../upgrade/managed.ts'
import { shown } from '../../upgrade/managers.ts'
import { findRelease, type Release } from '../../upgrade/standalone.ts'
import type { UpgradeOptions } from '../../upgrade/upgrade-options.ts'
import { isNewer } from '../../upgrade/version-order.ts'
import type { Output } from '../kit/output.ts'

/** A version that can be had. */
export type Offer = {
  version: string
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
  const isUpgrade = (version: string): boolean =>
    wanted === undefined ? isNewer(version, VERSION) : version !== VERSION
  if (installation.kind === 'managed') {
    const version = await findPublished(wanted, options)
    return { version, opencode: undefined, release: undefined, isUpgrade: isUpgrade(version) }
  }
  const release = await findRelease(wanted, options)
  const { version, opencode } = release
  return { version, opencode, release, isUpgrade: isUpgrade(version) }
}

export function tellOffer(installation: Upgradable, { version, opencode, isUpgrade }: Offer, output: Output): void {
  const { kind, path } = installation
  const command = kind === 'managed' ? shown(commandOf(installation, version)) : 'openwork upgrade'
  const document = {
    ok: true,
    current: VERSION,
    latest: version,
    upgradeAvailable: isUpgrade,
    method: kind,
    ...(kind === 'managed' && { manager: installation.manager }),
    path,
    command,
    opencode: { current: OPENCODE_VERSION, latest: opencode ?? null },
  }
  output.result(document, () =>
    [
      `openwork ${VERSION}, with opencode ${OPENCODE_VERSION}`,
      `  ${path}${kind === 'managed' ? ` (installed by ${installation.manager})` : ''}`,
      isUpgrade
        ? `  ${version}${opencode ? `, with opencode ${opencode},` : ''} can be installed: \`openwork upgrade\``
        : `  There is nothing newer${version === VERSION ? '' : `: the newest is ${version}`}`,
    ].join('\n'),
  )
}

/** Who can change an openwork that is not its own to change. */
export function tellForeign({ name: method, what, advice, path }: Foreign, output: Output): void {
  const state = { ok: true, current: VERSION, latest: null, upgradeAvailable: null, method, path, advice }
  output.result(
    { ...state, opencode: { current: OPENCODE_VERSION, latest: null } },
    `openwork ${VERSION}, with opencode ${OPENCODE_VERSION}\n  ${path}\n  It is ${what}. ${advice}`,
  )
}
