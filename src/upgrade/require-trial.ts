import { OpenworkError } from '../shared/errors.ts'
import { releaseBaseUrl } from '../sidecars/release/release.ts'
import type { Upgradable } from './installation.ts'
import { installCommand, shown } from './managers.ts'
import { isNewer } from './version-order.ts'

/** `openwork cache fetch`, with which a version is asked for its opencode, came with this one. */
const FIRST = '0.19.0'

/**
 * Refuses, before anything is asked for or fetched, a version that cannot be tried.
 * @throws OpenworkError `upgrade_not_possible`
 */
export function requireTrial(installation: Upgradable, version: string): void {
  if (!isNewer(FIRST, version)) return
  const { kind, path } = installation
  const hint =
    kind === 'managed'
      ? `Install it untried: \`${shown(installCommand(installation, version))}\`.`
      : `Install it untried: put its executable, from ${releaseBaseUrl(version)}, in the place of ${path}.`
  throw new OpenworkError(
    'upgrade_not_possible',
    `openwork ${version} cannot be tried before it is installed: that takes ${FIRST} or newer`,
    { hint },
  )
}
