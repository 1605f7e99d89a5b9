import { DEFAULT_SERVER_PORT } from '../../orchestrator/options.ts'
import { SIDECAR_SOURCES } from '../../sidecars/find/sidecar-source.ts'
import { bool, enumeration, integer, list, port, secret, text } from '../kit/flags.ts'
import { dataDirFlag } from './data-dir-flag.ts'
import { colorFlag, OUTPUT } from './look-flags.ts'
import { sidecarPlaceFlags } from './sidecar-flags.ts'

const OPENCODE = 'opencode'
const SERVER = 'OpenWork server'
const SIDECARS = 'Where binaries come from'
const RUN = 'Run'

/** What every command takes that runs opencode and openwork-server, for one workspace or for many. */
export const serviceFlags = {
  dataDir: dataDirFlag,

  remoteAccess: bool({
    group: SERVER,
    env: 'OPENWORK_REMOTE_ACCESS',
    default: false,
    summary: 'Listen on all interfaces, so that other machines can connect',
  }),
  connectHost: text({
    group: SERVER,
    summary: 'Name or address of this machine in pairing URLs, with --remote-access',
  }),
  openworkHost: text({
    group: SERVER,
    env: 'OPENWORK_HOST',
    summary: 'Address to listen on: a loopback one, or 0.0.0.0 for --remote-access',
  }),
  openworkPort: port({
    group: SERVER,
    env: 'OPENWORK_PORT',
    default: DEFAULT_SERVER_PORT,
    summary:
      'Port of the OpenWork server; 0 takes any free one. When the default is busy another is taken and announced',
  }),
  openworkToken: secret({
    group: SERVER,
    env: 'OPENWORK_TOKEN',
    summary: 'Client token; kept per workspace when not given',
  }),
  openworkHostToken: secret({
    group: SERVER,
    env: 'OPENWORK_HOST_TOKEN',
    summary: 'Host token; kept per workspace when not given',
  }),
  approval: enumeration({
    group: SERVER,
    env: 'OPENWORK_APPROVAL_MODE',
    values: ['manual', 'auto'] as const,
    default: 'manual',
    summary: 'Whether changes through the routes of the server wait for an approval; opencode asks its own questions',
  }),
  approvalTimeout: integer({
    group: SERVER,
    env: 'OPENWORK_APPROVAL_TIMEOUT_MS',
    min: 1,
    max: 86_400_000,
    unit: 'ms',
    default: 30_000,
    summary: 'How long an approval waits before it counts as denied',
  }),
  readOnly: bool({
    group: SERVER,
    env: 'OPENWORK_READONLY',
    default: false,
    summary: 'Refuse every change by remote clients',
  }),
  cors: list({
    group: SERVER,
    env: 'OPENWORK_CORS_ORIGINS',
    default: [],
    valueName: 'origins',
    summary: 'Web origins that may use the server from a browser, separated by commas; * for any',
  }),

  openworkServerBin: text({
    group: SERVER,
    env: 'OPENWORK_SERVER_BIN',
    summary: 'Run this openwork-server instead of the one built in; needs --allow-external',
  }),

  allowedHosts: list({
    group: SERVER,
    env: 'OPENWORK_ALLOWED_HOSTS',
    default: [],
    valueName: 'names',
    summary: 'Host names, beside addresses, under which clients reach the server',
  }),

  opencodeBin: text({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_BIN',
    summary: 'Run this opencode instead of the verified one; needs --allow-external',
  }),
  opencodeHost: text({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_BIND_HOST',
    default: '127.0.0.1',
    summary: 'Loopback address opencode listens on',
  }),
  opencodePort: port({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_PORT',
    summary: 'Port of opencode; any free one when not given',
  }),
  opencodeLogLevel: enumeration({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_LOG_LEVEL',
    values: ['debug', 'info', 'warn', 'error'] as const,
    summary: 'Log level of opencode itself',
  }),
  opencodeAuth: bool({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_AUTH',
    default: true,
    summary: 'opencode always asks for its credentials; turning this off is refused',
  }),
  opencodeReadyTimeoutMs: integer({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_READY_TIMEOUT_MS',
    min: 1_000,
    max: 600_000,
    unit: 'ms',
    default: 30_000,
    summary: 'How long opencode may take to become ready',
  }),
  opencodeHotReload: bool({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_HOT_RELOAD',
    default: true,
    summary: 'Take over changed skills, commands, agents and config while running',
  }),
  opencodeHotReloadDebounceMs: integer({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_HOT_RELOAD_DEBOUNCE_MS',
    min: 50,
    max: 3_600_000,
    unit: 'ms',
    default: 700,
    summary: 'Quiet time after the last change before a reload',
  }),
  opencodeHotReloadCooldownMs: integer({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_HOT_RELOAD_COOLDOWN_MS',
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    default: 1_500,
    summary: 'Least time between two reloads',
  }),
  opencodeHotReloadDeadlineMs: integer({
    group: OPENCODE,
    env: 'OPENWORK_OPENCODE_HOT_RELOAD_DEADLINE_MS',
    min: 1_000,
    max: 86_400_000,
    unit: 'ms',
    default: 600_000,
    summary: 'How long a reload may wait for running sessions before that is said; it is never forced',
  }),

  opencodeSource: enumeration({
    group: SIDECARS,
    env: 'OPENWORK_OPENCODE_SOURCE',
    values: SIDECAR_SOURCES,
    default: 'auto',
    summary: 'Where opencode is taken from',
  }),
  sidecarSource: enumeration({
    group: SIDECARS,
    env: 'OPENWORK_SIDECAR_SOURCE',
    values: SIDECAR_SOURCES,
    default: 'auto',
    summary: 'Where openwork-server is taken from; it is built in, which is what auto and bundled mean',
  }),
  ...sidecarPlaceFlags,
  allowExternal: bool({
    group: SIDECARS,
    env: 'OPENWORK_ALLOW_EXTERNAL',
    default: false,
    summary: 'Allow binaries that this release was not verified with',
  }),

  opencodeUsername: secret({
    group: RUN,
    env: ['OPENWORK_OPENCODE_USERNAME', 'OPENCODE_SERVER_USERNAME'],
    hidden: true,
    summary: 'User name for opencode, from a program that embeds us',
  }),
  opencodePassword: secret({
    group: RUN,
    env: ['OPENWORK_OPENCODE_PASSWORD', 'OPENCODE_SERVER_PASSWORD'],
    hidden: true,
    summary: 'Password for opencode, from a program that embeds us',
  }),
  allowInjectedCredentials: bool({
    group: RUN,
    env: 'OPENWORK_INTERNAL_ALLOW_OPENCODE_CREDENTIALS',
    default: false,
    hidden: true,
    summary: 'Take the two above',
  }),
  internalDevMode: bool({
    group: RUN,
    env: 'OPENWORK_DEV_MODE',
    default: false,
    hidden: true,
    summary: 'Isolated opencode state',
  }),

  runId: text({
    perCall: true,
    group: OUTPUT,
    env: 'OPENWORK_RUN_ID',
    summary: 'Correlation id in every log record; a random one when not given',
  }),
  logFormat: enumeration({
    group: OUTPUT,
    env: 'OPENWORK_LOG_FORMAT',
    values: ['pretty', 'json'] as const,
    aliases: { text: 'pretty', human: 'pretty' },
    default: 'pretty',
    summary: 'Log lines for people, or OpenTelemetry-like records',
  }),
  color: colorFlag,
  verbose: bool({
    group: OUTPUT,
    env: 'OPENWORK_VERBOSE',
    default: false,
    summary: 'Say more: what was found, decided and stopped',
  }),
} as const
