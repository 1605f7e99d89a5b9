import { randomUUID } from 'node:crypto'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { refuseContradictions } from '../../sidecars/find/sidecar-source.ts'
import type { Source } from '../kit/context.ts'
import type { ValuesOf } from '../kit/define.ts'
import type { serviceFlags } from './service-flags.ts'
import { parseSidecarPlace } from './sidecar-flags.ts'
import type { startFlags } from './start-flags.ts'

export type StartValues = ValuesOf<typeof startFlags>
type ServiceValues = ValuesOf<typeof serviceFlags>

/** Where a value came from, and how its flag is called. */
export type Asked = {
  source(flag: keyof ServiceValues & string): Source
  label(flag: keyof ServiceValues & string): string
}

const LOOPBACK: Readonly<Record<string, string>> = { '127.0.0.1': '127.0.0.1', localhost: '127.0.0.1', '::1': '::1' }

/**
 * What was typed, as options. All rules that span several flags are here; nothing is created or looked up.
 * @throws OpenworkError flags_conflict, invalid_value, not_available
 */
export function parseStartOptions(values: StartValues, asked: Asked): StartOptions {
  refuseWhatIsNotBuilt(values)
  return {
    ...parseServiceOptions(values, asked),
    workspace: values.workspace,
    createWorkspace: values.createWorkspace,
    serves: 'one',
  }
}

/** What `start` and the daemon have in common. Throws as `parseStartOptions`. */
export function parseServiceOptions(
  values: ServiceValues,
  { source, label }: Asked,
): Omit<StartOptions, 'workspace' | 'createWorkspace' | 'serves'> {
  if (!values.opencodeAuth)
    throw new OpenworkError('invalid_value', '--opencode-auth cannot be turned off', {
      hint: 'opencode would run commands for any program on this machine. Leave the flag out.',
    })
  const { opencodeSource, opencodeBin, sidecarSource, openworkServerBin, allowExternal } = values
  const opencodeFlags = { bin: label('opencodeBin'), source: label('opencodeSource') }
  const serverFlags = { bin: label('openworkServerBin'), source: label('sidecarSource') }
  refuseContradictions({ source: opencodeSource, explicitBin: opencodeBin, allowExternal }, opencodeFlags)
  refuseContradictions({ source: sidecarSource, explicitBin: openworkServerBin, allowExternal }, serverFlags)
  const remoteAccess = parseRemoteAccess(values)
  return {
    runId: parseRunId(values.runId),
    dataDir: values.dataDir,
    devMode: values.internalDevMode,
    verbose: values.verbose,
    logFormat: values.logFormat,
    opencode: {
      credentials: parseInjectedCredentials(values, source),
      bin: values.opencodeBin,
      source: values.opencodeSource,
      flags: opencodeFlags,
      host: parseLoopback(values.opencodeHost),
      port: values.opencodePort === 0 ? undefined : values.opencodePort,
      formerPort: undefined,
      logLevel: values.opencodeLogLevel?.toUpperCase() as StartOptions['opencode']['logLevel'],
      hotReload: {
        enabled: values.opencodeHotReload,
        debounceMs: values.opencodeHotReloadDebounceMs,
        cooldownMs: values.opencodeHotReloadCooldownMs,
        deadlineMs: values.opencodeHotReloadDeadlineMs,
      },
      readyWithinMs: values.opencodeReadyTimeoutMs,
    },
    sidecars: {
      ...parseSidecarPlace(values),
      source: values.sidecarSource,
      allowExternal: values.allowExternal,
    },
    server: {
      bin: openworkServerBin,
      flags: serverFlags,
      remoteAccess,
      connectHost: values.connectHost,
      port: { number: values.openworkPort, exact: source('openworkPort') !== 'default' },
      token: values.openworkToken,
      hostToken: values.openworkHostToken,
      approval: { mode: values.approval, timeoutMs: values.approvalTimeout },
      readOnly: values.readOnly,
      cors: values.cors.map(parseOrigin),
      allowedHosts: values.allowedHosts,
    },
  }
}

/** Part of every log record, of labels and of file names. */
function parseRunId(given: string | undefined): string {
  if (given === undefined) return randomUUID()
  if (/^[\x21-\x7e]{1,64}$/.test(given)) return given
  throw new OpenworkError('invalid_value', '--run-id must be 1 to 64 visible ASCII characters without spaces', {
    hint: 'Leave it out to get a random one.',
  })
}

/** `*`, or scheme and host as browsers send them: without the slash that people copy along. */
function parseOrigin(given: string): string {
  const origin = given.trim().replace(/\/+$/, '')
  if (origin === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]+$/i.test(origin)) return origin
  throw new OpenworkError('invalid_value', `--cors takes origins like https://app.example or *, got ${given}`)
}

/**
 * Credentials for opencode from a program that embeds us and talks to opencode itself. Only with its switch: a variable
 * that happens to be set must not weaken what is otherwise random.
 */
function parseInjectedCredentials(
  { opencodeUsername: username, opencodePassword: password, allowInjectedCredentials }: ServiceValues,
  source: Asked['source'],
): StartOptions['opencode']['credentials'] {
  if (!allowInjectedCredentials) {
    if (source('opencodeUsername') !== 'flag' && source('opencodePassword') !== 'flag') return undefined
    throw new OpenworkError(
      'flags_conflict',
      '--opencode-username and --opencode-password are for programs, not people',
      {
        hint: 'Leave them out: new credentials are made for each run, and --json prints them.',
      },
    )
  }
  if (!username && !password) return undefined
  if (username && password) return { username, password }
  throw new OpenworkError('missing_flag', 'The user name and the password for opencode go together; one is missing')
}

/** Accepted by name, so that nobody believes to have what is not there: a sandbox above all. */
function refuseWhatIsNotBuilt(values: StartValues): void {
  const refuse = (flag: string, instead: string): never => {
    throw new OpenworkError('not_available', `${flag} is not available in this version`, { hint: instead })
  }
  if (values.sandbox !== 'none')
    refuse(
      `--sandbox ${values.sandbox}`,
      'Nothing was started: without a sandbox the agent would run on this machine itself.',
    )
  if (values.opencodeRouter) refuse('--opencode-router', 'Leave it out, or pass --no-opencode-router.')
  const bridge = 'The Telegram and Slack bridge is not written yet: leave it out.'
  if (values.opencodeRouterRequired) refuse('--opencode-router-required', bridge)
  if (values.opencodeRouterBin !== undefined) refuse('--opencode-router-bin', bridge)
  if (values.opencodeRouterHealthPort !== undefined) refuse('--opencode-router-health-port', bridge)
  for (const [flag, value] of Object.entries({
    '--sandbox-image': values.sandboxImage,
    '--sandbox-persist-dir': values.sandboxPersistDir,
    '--sandbox-mount': values.sandboxMount,
  }))
    if (value !== undefined) refuse(flag, 'There is no sandbox yet: leave it out.')
}

function parseLoopback(host: string): string {
  const address = LOOPBACK[host.trim().toLowerCase()]
  if (address) return address
  throw new OpenworkError('invalid_value', `--opencode-host must be a loopback address, got ${host}`, {
    hint: 'Allowed are 127.0.0.1, localhost and ::1. To reach the host from elsewhere use --remote-access.',
  })
}

function parseRemoteAccess({ openworkHost, remoteAccess, connectHost }: ServiceValues): boolean {
  const host = openworkHost?.trim().toLowerCase()
  if (host !== undefined && !['127.0.0.1', 'localhost', '0.0.0.0'].includes(host))
    throw new OpenworkError(
      'invalid_value',
      `--openwork-host must be 127.0.0.1, localhost or 0.0.0.0, got ${openworkHost}`,
      {
        hint: '0.0.0.0 is the same as --remote-access.',
      },
    )
  const isRemote = remoteAccess || host === '0.0.0.0'
  if (connectHost !== undefined && !isRemote)
    throw new OpenworkError('flags_conflict', '--connect-host has no effect without --remote-access', {
      hint: 'Add --remote-access, or leave --connect-host out.',
    })
  return isRemote
}
