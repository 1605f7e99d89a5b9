import type { Secret } from '../shared/secret.ts'
import { basicAuth, httpOrigin } from '../shared/url.ts'
import type { ServiceSpec } from '../supervisor/service.ts'
import { agentEnvironment, defined, resourceAttributes } from './child-environment.ts'

export const OPENCODE = 'opencode'

export type OpencodeInput = {
  binary: string
  workspace: string
  /** A loopback address: opencode is never reachable from elsewhere but through openwork-server. */
  host: string
  port: number
  username: Secret
  password: Secret
  logLevel: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | undefined
  /** Browser origins that may talk to opencode directly. */
  cors: readonly string[]
  /** The user's environment; what the agent must not see is taken out here. */
  env: Readonly<Record<string, string | undefined>>
  path: string
  /** Where its config, data and cache live when they are not the user's own. */
  stateEnv: Readonly<Record<string, string>>
  runId: string
  logFormat: string
  hotReload: { enabled: boolean; debounceMs: number; cooldownMs: number }
  readyWithinMs: number
}

/** `opencode serve` for one workspace. Data only: nothing starts here. */
export const opencodeService = (input: OpencodeInput): ServiceSpec => ({
  name: OPENCODE,
  argv: [
    input.binary,
    'serve',
    '--hostname',
    input.host,
    '--port',
    String(input.port),
    ...(input.logLevel ? ['--log-level', input.logLevel] : []),
    ...input.cors.flatMap(origin => ['--cors', origin]),
  ],
  cwd: input.workspace,
  env: defined({
    ...agentEnvironment(input.env),
    PATH: input.path,
    ...input.stateEnv,
    OPENCODE_CLIENT: 'openwork-orchestrator',
    OPENWORK: '1',
    OPENWORK_RUN_ID: input.runId,
    OPENWORK_LOG_FORMAT: input.logFormat,
    OTEL_RESOURCE_ATTRIBUTES: resourceAttributes(input.env.OTEL_RESOURCE_ATTRIBUTES, OPENCODE, input.runId),
    OPENCODE_SERVER_USERNAME: input.username,
    OPENCODE_SERVER_PASSWORD: input.password,
    OPENCODE_HOT_RELOAD: input.hotReload.enabled ? '1' : '0',
    OPENCODE_HOT_RELOAD_DEBOUNCE_MS: String(input.hotReload.debounceMs),
    OPENCODE_HOT_RELOAD_COOLDOWN_MS: String(input.hotReload.cooldownMs),
  }),
  parentWatch: 'none',
  ready: {
    kind: 'http',
    url: `${httpOrigin(input.host, input.port)}/global/health`,
    headers: { authorization: basicAuth(input.username, input.password) },
    everyMs: 250,
    tryMs: 1_000,
    withinMs: input.readyWithinMs,
    afterLine: /listening on/,
  },
  watch: { everyMs: 5_000, failures: 3, restartAfterMs: 30_000 },
  restart: { when: 'always', backoffMs: [100, 30_000], resetAfterMs: 10_000, maxCrashes: 5, windowMs: 120_000 },
  stop: { signal: 'SIGTERM', graceMs: 5_000 },
  needs: [],
})
