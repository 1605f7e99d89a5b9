import { OpenworkError } from '../shared/errors.ts'
import { type NpmReason, runNpm } from '../sidecars/download/npm-client.ts'
import type { Managed } from './installation.ts'
import { installCommand, PACKAGE, shown } from './managers.ts'
import { unpackPlatformPackage } from './platform-package.ts'
import { requireManager, runManager } from './run-manager.ts'
import { inScratchProject } from './scratch-project.ts'
import { tryOpenwork } from './trial.ts'
import { requireWritable, type UpgradeOptions } from './upgrade-options.ts'
import { parseVersion } from './version-order.ts'

const VIEW_LIMIT_MS = 60_000
/** An answer of some kilobytes: a registry that needs longer is asked once more, and then given up. */
const VIEW_PATIENCE = ['--fetch-timeout=15000', '--fetch-retries=1']
const HINT = `See what the registry has with \`npm view ${PACKAGE} versions\`; nothing was changed.`
/** In the place of what npm's failures say where it is opencode that is fetched. */
const HINTS: Readonly<Partial<Record<string, string>>> = {
  missing: HINT,
  network: 'Check the network, and the proxy and registry of npm (`npm config list`); nothing was changed.',
} satisfies Partial<Record<NpmReason, string>>

/**
 * The newest published version, or this one, by the user's own npm client: their registry, proxy and credentials apply.
 *
 * @throws OpenworkError `upgrade_failed` when there is no such version; what npm says
 */
export async function findPublished(
  wanted: string | undefined,
  { env, signal, scratchDir, onStep }: UpgradeOptions,
): Promise<string> {
  const what = wanted === undefined ? PACKAGE : `${PACKAGE}@${wanted}`
  onStep(`Asking npm for ${wanted === undefined ? 'the newest openwork' : `openwork ${wanted}`}`)
  const args = ['view', what, 'version', '--json', ...VIEW_PATIENCE]
  const { stdout } = await inScratchProject(scratchDir, cwd =>
    explained(wanted, () => runNpm(args, { cwd, env, limitMs: VIEW_LIMIT_MS, signal })),
  )
  const found: unknown = stdout.trim() === '' ? undefined : JSON.parse(stdout)
  if (typeof found === 'string') return parseVersion(found, `The version of ${PACKAGE} in the registry`)
  throw new OpenworkError('upgrade_failed', `The registry that npm uses has no ${what}`, { hint: HINT })
}

/**
 * Tries a version in a folder of its own, where its package manager could install it.
 *
 * @throws OpenworkError `upgrade_not_possible`, `upgrade_failed`; what fetching a package throws; the reason of an aborted
 *   `signal`
 */
export async function tryPackage(
  installation: Managed,
  version: string,
  options: UpgradeOptions,
): Promise<{ opencode: string | undefined }> {
  const command = installCommand(installation, version)
  await requireManager(installation, options)
  await requireWritable(packagesOf(installation.path), shown(command))
  const { opencode } = await inScratchProject(options.scratchDir, async folder => {
    const path = await explained(version, () => unpackPlatformPackage(version, folder, options))
    return await tryOpenwork(path, { ...options, version })
  })
  options.signal.throwIfAborted()
  return { opencode }
}

/**
 * Has the package manager install a version, and the one of before when that does not work out.
 * @throws OpenworkError `upgrade_failed`
 */
export async function switchTo(
  installation: Managed,
  { version, current }: { version: string; current: string },
  options: UpgradeOptions,
): Promise<void> {
  const { onStep } = options
  const command = installCommand(installation, version)
  onStep(`Running ${shown(command)}`)
  // Not ended by a signal of ours: a manager that is cut off leaves less than it found.
  const problem = await runManager(installation, { version, command }, options)
  if (problem === undefined) return
  const back = installCommand(installation, current)
  onStep(`Running ${shown(back)}`)
  const left = await runManager(installation, { version: current, command: back }, options)
  throw new OpenworkError('upgrade_failed', `${shown(command)}: ${problem}`, {
    hint:
      left === undefined
        ? `openwork ${current} is installed again.`
        : `openwork ${current} could not be installed again (${left}): run \`${shown(back)}\`.`,
  })
}

/** The folder into which the manager puts packages; nothing but its parent matters. */
const packagesOf = (path: string): string =>
  `${path.slice(0, path.replaceAll('\\', '/').indexOf('/node_modules/'))}/node_modules/.`

/** Failures of npm speak of opencode where that is fetched; here they are about ourselves. */
async function explained<Result>(version: string | undefined, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OpenworkError) || error.code !== 'sidecar_download_failed') throw error
    const what = version === undefined ? 'The newest openwork' : `openwork ${version}`
    const reason = error.details && 'reason' in error.details ? String(error.details.reason) : undefined
    throw new OpenworkError('upgrade_failed', `${what} could not be had: ${error.message}`, {
      hint: reason === undefined ? 'npm asks the registry: put it on PATH.' : (HINTS[reason] ?? error.hint ?? HINT),
      cause: error,
    })
  }
}
