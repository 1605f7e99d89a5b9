import { VERSION } from '../shared/version.ts'
import { shownUrl } from '../sidecars/fetch/shown-url.ts'
import type { StartOptions } from './options.ts'
import type { Started } from './start.ts'

export type Readiness = Started & { options: StartOptions }

/**
 * The document of `start --json`, the only output that carries secrets. Field names are the published ones; clients and
 * scripts read them.
 */
export function readinessDocument({ options, host, opencode, server, target }: Readiness) {
  const { plan, owner } = host
  return {
    runId: plan.runId,
    workspace: plan.workspace,
    approval: { ...options.server.approval, readOnly: options.server.readOnly },
    opencode: {
      baseUrl: plan.opencode.baseUrl,
      connectUrl: plan.opencode.baseUrl,
      bindHost: plan.opencode.host,
      port: plan.opencode.port,
      version: opencode.actualVersion,
      username: plan.opencode.username.reveal(),
      password: plan.opencode.password.reveal(),
      hotReload: options.opencode.hotReload,
    },
    openwork: {
      baseUrl: plan.server.baseUrl,
      connectUrl: plan.server.connectUrl,
      host: plan.server.bindHost,
      port: plan.server.port,
      version: host.serverVersion,
      collaboratorToken: plan.server.token.reveal(),
      token: plan.server.token.reveal(),
      hostToken: plan.server.hostToken.reveal(),
      ownerToken: owner.token.reveal(),
    },
    opencodeRouter: { enabled: false, healthPort: null },
    diagnostics: {
      cliVersion: VERSION,
      sidecar: {
        dir: options.sidecars.dir,
        baseUrl: shownUrl(options.sidecars.baseUrl).replace(/\/$/, ''),
        manifestUrl: shownUrl(options.sidecars.manifestUrl),
        target,
        source: options.sidecars.source,
        opencodeSource: options.opencode.source,
        allowExternal: options.sidecars.allowExternal,
      },
      binaries: {
        opencode: {
          path: opencode.path,
          source: opencode.source,
          expectedVersion: opencode.expectedVersion,
          actualVersion: opencode.actualVersion,
        },
        openworkServer: {
          path: server.path,
          source: server.source,
          expectedVersion: server.expectedVersion,
          actualVersion: host.serverVersion,
        },
        opencodeRouter: null,
      },
    },
  }
}

/** What a person is told at readiness: where everything is, and that each secret exists, never its value. */
export function readinessText({ options, host, credentialsFile }: Readiness): string {
  const { plan } = host
  const { server } = plan
  return [
    '',
    'openwork is ready',
    '',
    row('Workspace', plan.workspace),
    row('Run id', plan.runId),
    row('OpenWork', server.baseUrl),
    row('  connect', `${server.connectUrl}  (pair a client with this URL and a token)`),
    row('opencode', plan.opencode.baseUrl),
    row('  connect', `${server.connectUrl}/opencode  (through OpenWork, with the same token)`),
    row('Approval', `${options.server.approval.mode}${options.server.readOnly ? ', read-only' : ''}`),
    '',
    row('Client token', WITHHELD),
    row('Owner token', WITHHELD),
    row('Host token', WITHHELD),
    row('opencode auth', WITHHELD),
    '',
    'Secrets are not shown here: `--json` prints them when you need them. The client and host token are also kept,',
    'readable by you only, in',
    `  ${credentialsFile}`,
    'Stop with Ctrl-C.',
    '',
  ].join('\n')
}

const WITHHELD = 'set, withheld'

const row = (label: string, value: string): string => `  ${label.padEnd(14)} ${value}`
