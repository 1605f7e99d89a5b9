import { PROBE_USER_AGENT } from '../api/health.ts'
import { FAILURES } from '../shared/errors.ts'
import type { Secret } from '../shared/secret.ts'
import { httpOrigin, loopbackOf } from '../shared/url.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import { defined, ownProgramEnvironment, resourceAttributes } from './child-environment.ts'
import { OPENCODE } from './opencode.ts'
import type { Program } from './own-program.ts'

export const OPENWORK_SERVER = 'openwork-server' satisfies Program

/**
 * Every client of every workspace holds a stream of opencode's events open, and Bun makes no more than 256 requests at once
 * unless told so before it starts (1.4.5): the next one would wait for ever.
 */
const MAX_OPEN_REQUESTS = 16_384

export type OpenworkServerInput = {
  /** The program and what comes before its own arguments; see `ownProgramArgv`. */
  argv: readonly [string, ...string[]]
  /** Undefined: those of the config file, which the orchestrator keeps. */
  workspace: string | undefined
  cwd: string
  /** The address to listen on: loopback, or all interfaces with remote access. */
  host: string
  port: number
  token: Secret
  hostToken: Secret
  approval: { mode: 'manual' | 'auto'; timeoutMs: number }
  readOnly: boolean
  cors: readonly string[]
  /** Names beside the address literals under which clients may reach it. */
  allowedHosts: readonly string[]
  opencode: { baseUrl: string; username: Secret; password: Secret }
  /** Where it asks what runs on this host and has it renewed. */
  control: { baseUrl: string; token: Secret }
  env: Readonly<Record<string, string | undefined>>
  /** Folder of this workspace's server state: issued tokens, audit. */
  stateDir: string
  tokenStore: string
  /** Its config file. Not the user's for a stand-alone server: what a host was asked for is passed on whole. */
  configFile: string
  /** What to clean up after us when we are killed: see `src/bin/openwork-server.ts`. */
  runRecord: string
  runId: string
  logFormat: string
  readyWithinMs: number
}

/** openwork-server for one workspace, or for those of its config file, and their opencode. Data only: nothing starts here. */
export const openworkServerService = (input: OpenworkServerInput): ServiceSpec => ({
  name: OPENWORK_SERVER,
  argv: [
    ...input.argv,
    '--host',
    input.host,
    '--port',
    String(input.port),
    ...(input.workspace === undefined ? [] : ['--workspace', input.workspace]),
    '--approval',
    input.approval.mode,
    '--approval-timeout',
    String(input.approval.timeoutMs),
    ...(input.readOnly ? ['--read-only'] : []),
    ...(input.cors.length > 0 ? ['--cors', input.cors.join(',')] : []),
    '--opencode-base-url',
    input.opencode.baseUrl,
    ...(input.workspace === undefined ? [] : ['--opencode-directory', input.workspace]),
    '--log-format',
    input.logFormat,
  ],
  argv0: OPENWORK_SERVER,
  cwd: input.cwd,
  env: defined({
    ...ownProgramEnvironment(input.env),
    OPENWORK_TOKEN: input.token,
    OPENWORK_HOST_TOKEN: input.hostToken,
    OPENWORK_RUN_ID: input.runId,
    OPENWORK_LOG_FORMAT: input.logFormat,
    OPENWORK_DATA_DIR: input.stateDir,
    OPENWORK_TOKEN_STORE: input.tokenStore,
    OPENWORK_SERVER_CONFIG: input.configFile,
    OPENWORK_RUN_RECORD: input.runRecord,
    OPENWORK_ALLOWED_HOSTS: input.allowedHosts.join(','),
    OTEL_RESOURCE_ATTRIBUTES: resourceAttributes(input.env.OTEL_RESOURCE_ATTRIBUTES, OPENWORK_SERVER, input.runId),
    OPENWORK_OPENCODE_BASE_URL: input.opencode.baseUrl,
    OPENWORK_OPENCODE_DIRECTORY: input.workspace,
    OPENWORK_OPENCODE_USERNAME: input.opencode.username,
    OPENWORK_OPENCODE_PASSWORD: input.opencode.password,
    BUN_CONFIG_MAX_HTTP_REQUESTS: String(MAX_OPEN_REQUESTS),
    OPENWORK_CONTROL_BASE_URL: input.control.baseUrl,
    OPENWORK_CONTROL_TOKEN: input.control.token,
    OPENWORK_CONTROL_WORKSPACES: input.workspace === undefined ? '1' : undefined,
  }),
  parentWatch: 'pipe',
  ready: {
    kind: 'http',
    url: `${httpOrigin(loopbackOf(input.host), input.port)}/health`,
    headers: { 'user-agent': PROBE_USER_AGENT },
    everyMs: 100,
    tryMs: 1_000,
    withinMs: input.readyWithinMs,
    afterLine: /listening/i,
  },
  watch: { everyMs: 5_000, failures: 3, restartAfterMs: 15_000 },
  restart: {
    when: 'always',
    backoffMs: [100, 30_000],
    resetAfterMs: 10_000,
    maxCrashes: 5,
    windowMs: 120_000,
    hopelessExitCodes: [FAILURES.invalid_config.exitCode, FAILURES.port_in_use.exitCode],
  },
  stop: { signal: 'SIGTERM', graceMs: 3_000 },
  // Started first: from then on somebody is there who takes opencode down when the orchestrator is killed. Until
  // opencode is up it answers that it is not. Stopped first as well.
  needs: [{ service: OPENCODE, reached: 'waiting' }],
})
