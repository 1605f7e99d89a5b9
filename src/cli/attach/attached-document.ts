import type { DaemonStatus, DaemonWorkspace } from '../../api/daemon.ts'
import { openworkClient } from '../../api/openwork-client.ts'
import { type Credentials, readCredentials } from '../../orchestrator/credentials.ts'
import { daemonLayout } from '../../orchestrator/data-dir.ts'
import { dataDirWords } from '../../orchestrator/follow-up.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'

const ASK_LIMIT_MS = 5_000

/** What a start that uses a daemon has to tell. */
export type Attached = {
  runId: string
  workspace: DaemonWorkspace
  daemon: { baseUrl: string; pid: number }
  status: DaemonStatus
  /** Of openwork-server, while they are known here. */
  tokens: Partial<Credentials>
  credentialsFile: string
}

/** The tokens of a daemon's openwork-server that are kept in its data dir, and that it takes: it may have been given others. */
export async function keptTokens(dataDir: string, { openwork }: DaemonStatus): Promise<Partial<Credentials>> {
  const kept = readCredentials(daemonLayout(dataDir).credentials)
  if (!kept || kept === 'unusable') return {}
  const { token, hostToken } = kept
  const [isToken, isHostToken] = await Promise.all([
    isAccepted({ baseUrl: openwork.baseUrl, token, timeoutMs: ASK_LIMIT_MS }),
    isAccepted({ baseUrl: openwork.baseUrl, hostToken, timeoutMs: ASK_LIMIT_MS }),
  ])
  return { ...(isToken && { token }), ...(isHostToken && { hostToken }) }
}

async function isAccepted(options: Parameters<typeof openworkClient>[0]): Promise<boolean> {
  try {
    await openworkClient(options).whoami()
    return true
  } catch (error) {
    if (error instanceof OpenworkError) return false // refused, or it is just starting anew
    throw error
  }
}

/** The base URL that a client of this workspace is given. */
const mountOf = ({ status, workspace }: Attached): string => `${status.openwork.connectUrl}/w/${workspace.id}`

/** The document of `start --json` with what there is of it: opencode's own credentials are the daemon's alone. */
export function attachedDocument(attached: Attached) {
  const { runId, workspace, daemon, status, tokens } = attached
  const token = tokens.token?.reveal()
  return {
    runId,
    workspace: workspace.path,
    workspaceId: workspace.id,
    daemon,
    opencode: {
      baseUrl: `${mountOf(attached)}/opencode`,
      connectUrl: `${mountOf(attached)}/opencode`,
      hotReload: status.hotReload,
    },
    openwork: {
      baseUrl: status.openwork.baseUrl,
      connectUrl: mountOf(attached),
      ...(token !== undefined && { collaboratorToken: token, token }),
      ...(tokens.hostToken && { hostToken: tokens.hostToken.reveal() }),
    },
    opencodeRouter: { enabled: false, healthPort: null },
    diagnostics: { cliVersion: VERSION, sidecar: status.sidecar, binaries: status.binaries },
  }
}

/** The same for a person: without secrets. */
export function attachedText(attached: Attached, { dataDir, home }: { dataDir: string; home: string }): string {
  const { workspace, daemon, status, credentialsFile } = attached
  const where = dataDirWords(dataDir, home)
  return [
    '',
    'openwork is ready, in the daemon',
    '',
    row('Workspace', `${workspace.path}  (${workspace.name}, ${workspace.id})`),
    row('Daemon', `${daemon.baseUrl}  (pid ${daemon.pid})`),
    row('OpenWork', status.openwork.baseUrl),
    row('  connect', `${mountOf(attached)}  (pair a client with this URL: openwork pair${where})`),
    row('opencode', `${mountOf(attached)}/opencode  (through OpenWork, with the same token)`),
    '',
    'Secrets are not shown here: `--json` prints them when you need them. They are also kept, readable by you only, in',
    `  ${credentialsFile}`,
    `Ctrl-C leaves the daemon running; \`openwork daemon stop${where}\` stops it.`,
    '',
  ].join('\n')
}

const row = (label: string, value: string): string => `  ${label.padEnd(14)} ${value}`
