import { join } from 'node:path'
import { OPENCODE, opencodeService } from '../services/opencode.ts'
import { OPENWORK_SERVER, openworkServerService } from '../services/openwork-server.ts'
import type { Self } from '../services/own-program.ts'
import { toolPath } from '../services/tool-path.ts'
import type { LogFormat } from '../shared/log.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { httpOrigin, loopbackOf } from '../shared/url.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import type { ConnectAddress } from './connect-address.ts'
import type { Credentials } from './credentials.ts'
import { type DataLayout, serverSettingsFile } from './data-dir.ts'
import { followUp } from './follow-up.ts'
import type { OpencodeState } from './opencode-state.ts'
import type { StartOptions } from './options.ts'

/** What was found out about the machine before deciding what to run. */
export type HostFacts = {
  self: Self
  env: Readonly<Record<string, string | undefined>>
  platform: NodeJS.Platform
  home: string
  layout: DataLayout
  /** Real path of the workspace. */
  workspace: string
  opencodeBinary: string
  /** openwork-server before its own arguments. */
  serverArgv: readonly [string, ...string[]]
  opencodeState: OpencodeState
  ports: { opencode: number; server: number }
  credentials: Credentials
  opencodeCredentials: { username: Secret; password: Secret }
  connect: ConnectAddress
  /** Where openwork-server reaches us. */
  control: { baseUrl: string; token: Secret }
  /** Path of the file in which this run is written down. */
  runRecord: string
  /** Of what openwork-server prints: records where our own log is a file of them. */
  serverLogFormat: LogFormat
}

/** What will run, and where it will be reached. */
export type HostPlan = {
  runId: string
  /** Where opencode runs. */
  workspace: string
  serves: StartOptions['serves']
  opencode: { baseUrl: string; host: string; port: number; username: Secret; password: Secret }
  server: {
    /** For this machine. */
    baseUrl: string
    /** For pairing. */
    connectUrl: string
    /** Other guesses at it. */
    alternatives: readonly string[]
    bindHost: string
    port: number
    token: Secret
    hostToken: Secret
    /** Other machines may connect. */
    isRemote: boolean
    approvalMode: StartOptions['server']['approval']['mode']
    readOnly: boolean
  }
  /** Opens it in opencode's own interface. */
  attachCommand: string
  specs: readonly ServiceSpec[]
}

/** Decides what to run from what was asked for and what was found. Starts and creates nothing. */
export function planHost(options: StartOptions, facts: HostFacts): HostPlan {
  const bindHost = options.server.remoteAccess ? '0.0.0.0' : '127.0.0.1'
  const connectHost = options.server.remoteAccess ? facts.connect.host : '127.0.0.1'
  const opencode = {
    baseUrl: httpOrigin(options.opencode.host, facts.ports.opencode),
    host: options.opencode.host,
    port: facts.ports.opencode,
    ...facts.opencodeCredentials,
  }
  const server = {
    baseUrl: httpOrigin(loopbackOf(bindHost), facts.ports.server),
    connectUrl: httpOrigin(connectHost, facts.ports.server),
    alternatives: facts.connect.alternatives.map(host => httpOrigin(host, facts.ports.server)),
    bindHost,
    port: facts.ports.server,
    ...facts.credentials,
    isRemote: options.server.remoteAccess,
    approvalMode: options.server.approval.mode,
    readOnly: options.server.readOnly,
  }
  return {
    runId: options.runId,
    workspace: facts.workspace,
    serves: options.serves,
    opencode,
    server,
    attachCommand: followUp('attach', { ...options, home: facts.home }),
    specs: [serverSpec(options, facts, { bindHost, connectHost, opencode }), opencodeSpec(options, facts, opencode)],
  }
}

const opencodeSpec = (options: StartOptions, facts: HostFacts, opencode: HostPlan['opencode']): ServiceSpec =>
  opencodeService({
    ...opencode,
    binary: facts.opencodeBinary,
    workspace: facts.workspace,
    logLevel: options.opencode.logLevel,
    // A browser is let through by openwork-server; opencode itself has no token that a page could be given.
    cors: options.server.cors.filter(origin => origin !== '*'),
    env: facts.env,
    path: toolPath(facts, [join(facts.self.execPath, '..'), join(facts.self.execPath, '..', 'sidecars')]),
    stateEnv: facts.opencodeState.env,
    runId: options.runId,
    logFormat: options.logFormat,
    hotReload: options.opencode.hotReload,
    readyWithinMs: options.opencode.readyWithinMs,
  })

const serverSpec = (
  options: StartOptions,
  facts: HostFacts,
  { bindHost, connectHost, opencode }: { bindHost: string; connectHost: string; opencode: HostPlan['opencode'] },
): ServiceSpec =>
  openworkServerService({
    argv: facts.serverArgv,
    workspace: options.serves === 'one' ? facts.workspace : undefined,
    cwd: facts.workspace,
    host: bindHost,
    port: facts.ports.server,
    ...facts.credentials,
    approval: options.server.approval,
    readOnly: options.server.readOnly,
    cors: options.server.cors,
    allowedHosts: [...options.server.allowedHosts, ...(options.server.remoteAccess ? [connectHost] : [])],
    opencode,
    control: facts.control,
    env: facts.env,
    stateDir: facts.layout.serverState,
    configFile: settingsFileOf(options, facts),
    tokenStore: facts.layout.tokenStore,
    runRecord: facts.runRecord,
    runId: options.runId,
    logFormat: facts.serverLogFormat,
    readyWithinMs: 15_000,
  })

/** The user's own only where nothing but settings is in it. */
const settingsFileOf = ({ serves }: StartOptions, { env, layout }: HostFacts): string =>
  (serves === 'one' ? env.OPENWORK_SERVER_CONFIG : undefined) ?? serverSettingsFile(layout)

/** Names of the services that a run cannot do without. */
export const REQUIRED_SERVICES: readonly string[] = [OPENCODE, OPENWORK_SERVER]

/** Everything in a plan that must never be shown. */
export const secretsOf = ({ opencode, server }: HostPlan): readonly Secret[] => [
  opencode.username,
  opencode.password,
  server.token,
  server.hostToken,
  secret(`${opencode.username.reveal()}:${opencode.password.reveal()}`),
]
