import { join } from 'node:path'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { findInstallation } from '../../upgrade/find-installation.ts'
import { removeLeftovers } from '../../upgrade/install-version.ts'
import type { UpgradeOptions } from '../../upgrade/upgrade-options.ts'
import { parseVersion } from '../../upgrade/version-order.ts'
import { ByteProgress } from '../byte-progress.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { parseSidecarPlace, sidecarPlaceFlags } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand, type ValuesOf } from '../kit/define.ts'
import { bool, text } from '../kit/flags.ts'
import { install, rollBack } from '../upgrade/install.ts'
import { findOffer, tellForeign, tellOffer } from '../upgrade/offer.ts'
import { renewRunning } from '../upgrade/renew-running.ts'

const flags = {
  to: text({ perCall: true, valueName: 'version', summary: 'This version, older ones too', defaultText: 'the newest' }),
  check: bool({ perCall: true, default: false, summary: 'Only tell what there is, and how it would be installed' }),
  rollback: bool({ perCall: true, default: false, summary: 'Go back to the version from before the last upgrade' }),
  running: bool({
    perCall: true,
    default: false,
    summary: 'Renew the services of running hosts with what is installed; install nothing',
  }),
  verbose: bool({ default: false, summary: 'Show what the trial and the package manager print' }),
  dataDir: dataDirFlag,
  ...sidecarPlaceFlags,
}

export const upgrade = defineCommand({
  path: 'upgrade',
  summary: 'Put the newest openwork in the place of this one, once it has shown that it works here',
  description:
    'openwork brings the opencode it was made with, so both are upgraded together. The new version is fetched, verified ' +
    'and tried on an empty folder before anything is replaced; where it does not work, nothing is changed.\n\n' +
    'An openwork that a package manager installed is upgraded by that package manager. Hosts that run go on as they are ' +
    'until they are restarted, or renewed with --running.',
  examples: [
    { command: 'openwork upgrade', does: 'to the newest version' },
    { command: 'openwork upgrade --check --json', does: 'see whether there is one' },
    { command: 'openwork upgrade --running', does: 'then: bring running hosts up to it' },
    { command: 'openwork upgrade --rollback', does: 'back to the version from before' },
  ],
  flags,
  async run(values, context) {
    refuseContradictions(values)
    const { dataDir, check, rollback, running, to } = values
    if (running) return await renewRunning(dataDir, context)
    const { output, stderr } = context
    const wanted = to === undefined ? undefined : parseVersion(to, '--to')
    const installation = await findInstallation({ execPath: process.execPath, main: Bun.main })
    if (installation.kind === 'foreign') {
      const { what, advice: hint } = installation
      if (check) return tellForeign(installation, output)
      throw new OpenworkError('upgrade_not_possible', `This openwork is ${what}: it is not its own to change`, { hint })
    }
    const progress = new ByteProgress(stderr, text => output.note(text))
    const asItWas = `openwork ${VERSION} is installed as it was`
    let outcome = asItWas
    await interruptible(
      () => outcome,
      async signal => {
        const options = upgradeOptions(values, context, progress, signal)
        options.onOutcome = left => {
          outcome = left ?? asItWas
        }
        if (rollback) return await rollBack(installation, { dataDir, output }, options)
        const offer = await findOffer(installation, wanted, options)
        if (check || !offer.isUpgrade) {
          if (!check) await removeLeftovers(installation, options)
          return tellOffer(installation, offer, output)
        }
        await install(installation, offer, { dataDir, output }, options)
      },
    ).finally(() => progress.end())
  },
})

type Values = ValuesOf<typeof flags>

function refuseContradictions({ to, check, rollback, running }: Values): void {
  const given = Object.entries({ to: to !== undefined, check, rollback, running }).flatMap(([flag, is]) =>
    is ? [`--${flag}`] : [],
  )
  if (given.length < 2 || given.join() === '--to,--check') return
  throw new OpenworkError('flags_conflict', `${given.join(' and ')} cannot be had at once`, {
    hint: 'Call `openwork upgrade` once for each.',
  })
}

function upgradeOptions(
  values: Values,
  { env, output }: Context,
  progress: ByteProgress,
  signal: AbortSignal,
): UpgradeOptions {
  const { dir, ...place } = parseSidecarPlace(values)
  const { sidecarBaseUrl, sidecarManifest } = values
  return {
    env: {
      ...env,
      ...(sidecarBaseUrl !== undefined && { OPENWORK_SIDECAR_BASE_URL: sidecarBaseUrl }),
      ...(sidecarManifest !== undefined && { OPENWORK_SIDECAR_MANIFEST_URL: sidecarManifest }),
    },
    place: place.named.length > 0 ? place : undefined,
    sidecarDir: dir,
    scratchDir: join(values.dataDir, 'upgrade'),
    signal,
    onOutcome: () => {},
    onStep: what => {
      progress.end()
      output.note(what)
    },
    onOutput: text => {
      if (values.verbose && text.trim() !== '') output.note(text)
    },
    onProgress: ({ bytes, totalBytes, host }) => progress.step(`openwork from ${host}`, bytes, totalBytes),
  }
}
