import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { OPENCODE_VERSION, VERSION } from '../../shared/version.ts'
import { withFileLock } from '../../sidecars/file-lock.ts'
import { findInstallation } from '../../upgrade/find-installation.ts'
import type { Installation } from '../../upgrade/installation.ts'
import {
  commandOf,
  findPublished,
  installPackage,
  rememberedVersion,
  rememberVersion,
  switchTo,
} from '../../upgrade/managed.ts'
import { shown } from '../../upgrade/managers.ts'
import { findVersion } from '../../upgrade/other-openwork.ts'
import { findRelease, installRelease, type Release, rollBackExecutable } from '../../upgrade/standalone.ts'
import { requireWritable, type UpgradeOptions } from '../../upgrade/upgrade-options.ts'
import { isNewer, parseVersion } from '../../upgrade/version-order.ts'
import { ByteProgress } from '../byte-progress.ts'
import { interruptible } from '../interruptible.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand, type ValuesOf } from '../kit/define.ts'
import { bool, text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { hostsOfOtherVersion, type RenewedHost, renewHost } from '../renew-hosts.ts'
import { dataDirFlag } from './data-dir-flag.ts'
import { parseSidecarPlace, sidecarPlaceFlags } from './sidecar-flags.ts'

const flags = {
  to: text({ valueName: 'version', summary: 'This version, older ones too', defaultText: 'the newest' }),
  check: bool({ default: false, summary: 'Only tell what there is, and how it would be installed' }),
  rollback: bool({ default: false, summary: 'Go back to the version from before the last upgrade' }),
  running: bool({
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
    if (values.running) return await renewRunning(values, context)
    const installation = await findInstallation({ execPath: process.execPath, main: Bun.main })
    const wanted = values.to === undefined ? undefined : parseVersion(values.to, '--to')
    if (installation.kind === 'foreign') {
      tellForeign(installation, values, context)
      return 0
    }
    const progress = new ByteProgress(context.stderr, text => context.output.note(text))
    const outcome = `openwork ${VERSION} is installed as it was`
    await interruptible(outcome, async signal => {
      const options = upgradeOptions(values, context, progress, signal)
      if (values.rollback) return await rollBack(installation, values, context, options)
      const offer = await findOffer(installation, wanted, options)
      const isOffered = wanted === undefined ? isNewer(offer.version, VERSION) : offer.version !== VERSION
      if (values.check || !isOffered) return tellOffer(installation, offer, isOffered, context)
      await install(installation, offer, values, context, options)
    }).finally(() => progress.end())
    return 0
  },
})

type Values = ValuesOf<typeof flags>
type Ours = Exclude<Installation, { kind: 'foreign' }>
/** A version that can be had. */
type Offer = { version: string; opencode: string | undefined; release: Release | undefined }

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
    signal,
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

function tellForeign(installation: Extract<Installation, { kind: 'foreign' }>, values: Values, context: Context): void {
  const { name: method, what, advice, path } = installation
  if (!values.check)
    throw new OpenworkError('upgrade_not_possible', `This openwork is ${what}: it is not for itself to change`, {
      hint: advice,
    })
  const state = { ok: true, current: VERSION, latest: null, upgradeAvailable: null, method, path, advice }
  context.output.result(
    { ...state, opencode: { current: OPENCODE_VERSION, latest: null } },
    `openwork ${VERSION}, with opencode ${OPENCODE_VERSION}\n  ${path}\n  It is ${what}. ${advice}`,
  )
}

async function findOffer(installation: Ours, wanted: string | undefined, options: UpgradeOptions): Promise<Offer> {
  if (installation.kind === 'managed')
    return { version: await findPublished(wanted, options), opencode: undefined, release: undefined }
  const release = await findRelease(wanted, options)
  return { version: release.version, opencode: release.opencode, release }
}

function tellOffer(installation: Ours, { version, opencode }: Offer, isOffered: boolean, { output }: Context): void {
  const { kind, path } = installation
  const command = kind === 'managed' ? shown(commandOf(installation, version)) : 'openwork upgrade'
  const document = {
    ok: true,
    current: VERSION,
    latest: version,
    upgradeAvailable: isOffered,
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
      isOffered
        ? `  ${version}${opencode ? `, with opencode ${opencode},` : ''} can be installed: \`openwork upgrade\``
        : `  There is nothing newer${version === VERSION ? '' : `: the newest is ${version}`}`,
    ].join('\n'),
  )
}

async function install(
  installation: Ours,
  offer: Offer,
  values: Values,
  context: Context,
  options: UpgradeOptions,
): Promise<void> {
  const { version, release } = offer
  const opencode = await exclusively(installation, values.dataDir, options, async options => {
    const installed = await findVersion(installation.path, options)
    if (installed === version) return undefined // another upgrade was quicker
    if (installation.kind === 'managed') {
      const done = await installPackage(installation, { version, current: VERSION }, options)
      await rememberVersion(values.dataDir, VERSION)
      return done.opencode
    }
    if (release === undefined) throw new Error('a release is needed')
    return (await installRelease(installation.path, release, options)).opencode
  })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(values.dataDir), version)
  tellInstalled(installation, { version, opencode, outdated }, context)
}

async function rollBack(installation: Ours, values: Values, context: Context, options: UpgradeOptions): Promise<void> {
  const version = await exclusively(installation, values.dataDir, options, async options => {
    if (installation.kind === 'standalone') return await rollBackExecutable(installation.path, options)
    const version = await rememberedVersion(values.dataDir)
    await switchTo(installation, { version, current: VERSION }, options)
    await rememberVersion(values.dataDir, VERSION)
    return version
  })
  const outdated = await hostsOfOtherVersion(await listLocalHosts(values.dataDir), version)
  tellInstalled(installation, { version, opencode: undefined, outdated }, context)
}

/** One upgrade at a time. */
async function exclusively<Result>(
  { kind, path }: Ours,
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
  installation: Ours,
  { version, opencode, outdated }: { version: string; opencode: string | undefined; outdated: readonly LocalHost[] },
  { output }: Context,
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

/** Resolves to the exit code: 1 when a host could not be renewed. */
async function renewRunning({ dataDir }: Values, { output, redactor }: Context): Promise<number> {
  const hosts = await listLocalHosts(dataDir)
  if (hosts.length === 0)
    throw new OpenworkError('no_running_host', `No host is running with the data dir ${dataDir}`, {
      hint: 'There is nothing to renew: the next start takes what is installed.',
    })
  for (const { credentials } of hosts) if (credentials) redactor.add(credentials.hostToken)
  const renewed = await interruptible('hosts finish by themselves what they have begun', signal =>
    Promise.all(
      hosts.map(host => {
        output.note(`Renewing ${host.baseUrl} (${onOneLine(host.workspace)})`)
        return renewHost(host, VERSION, signal)
      }),
    ),
  )
  const isWell = renewed.every(({ ok }) => ok)
  output.result({ ok: isWell, hosts: renewed }, () => renewed.map(renewedText).join('\n'))
  return isWell ? 0 : 1
}

function renewedText({ url, workspace, ok, services, error }: RenewedHost): string {
  const versions = Object.entries(services).map(([name, version]) => `${name} ${version ?? '?'}`)
  const state = ok ? 'renewed' : `not renewed: ${onOneLine(error ?? '')}`
  return [`${url} (${onOneLine(workspace)})`, `  ${state}`, ...versions.map(line => `  ${line}`)].join('\n')
}
