import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { StartOptions } from '../../orchestrator/options.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { Source } from '../kit/context.ts'
import type { ValuesOf } from '../kit/define.ts'
import type { startFlags } from './start-flags.ts'

export type StartValues = ValuesOf<typeof startFlags>

const LOOPBACK: Readonly<Record<string, string>> = { '127.0.0.1': '127.0.0.1', localhost: '127.0.0.1', '::1': '::1' }

/**
 * What was typed, as options. All rules that span several flags are here; nothing is created or looked up.
 * @throws OpenworkError flags_conflict, invalid_value, not_available
 */
export function parseStartOptions(values: StartValues, source: (flag: 'openworkPort') => Source): StartOptions {
  refuseWhatIsNotBuilt(values)
  if (!values.opencodeAuth)
    throw new OpenworkError('invalid_value', '--opencode-auth cannot be turned off', {
      hint: 'opencode would run commands for any program on this machine. Leave the flag out.',
    })
  if (values.opencodeBin !== undefined && !values.allowExternal)
    throw new OpenworkError('flags_conflict', '--opencode-bin needs --allow-external', {
      hint: 'That binary is not the one this release was verified with: add --allow-external if you trust it.',
    })
  if (values.opencodeBin !== undefined && ['bundled', 'downloaded'].includes(values.opencodeSource))
    throw new OpenworkError(
      'flags_conflict',
      `--opencode-bin and --opencode-source ${values.opencodeSource} contradict each other`,
      { hint: 'Leave one of them out.' },
    )
  const remoteAccess = parseRemoteAccess(values)
  const releases = `https://github.com/different-ai/openwork/releases/download/openwork-orchestrator-v${VERSION}`
  const baseUrl = (values.sidecarBaseUrl ?? releases).replace(/\/+$/, '')
  return {
    runId: values.runId ?? randomUUID(),
    workspace: values.workspace,
    createWorkspace: values.createWorkspace,
    dataDir: values.dataDir,
    devMode: values.internalDevMode,
    verbose: values.verbose,
    logFormat: values.logFormat,
    opencode: {
      bin: values.opencodeBin,
      source: values.opencodeSource,
      host: parseLoopback(values.opencodeHost),
      port: values.opencodePort === 0 ? undefined : values.opencodePort,
      logLevel: values.opencodeLogLevel?.toUpperCase() as StartOptions['opencode']['logLevel'],
      hotReload: {
        enabled: values.opencodeHotReload,
        debounceMs: values.opencodeHotReloadDebounceMs,
        cooldownMs: values.opencodeHotReloadCooldownMs,
      },
      readyWithinMs: values.opencodeReadyTimeoutMs,
    },
    sidecars: {
      dir: values.sidecarDir ?? join(values.dataDir, 'sidecars'),
      source: values.sidecarSource,
      baseUrl,
      manifestUrl: values.sidecarManifest ?? `${baseUrl}/openwork-orchestrator-sidecars.json`,
      allowExternal: values.allowExternal,
    },
    server: {
      remoteAccess,
      connectHost: values.connectHost,
      port: { number: values.openworkPort, exact: source('openworkPort') !== 'default' },
      token: values.openworkToken,
      hostToken: values.openworkHostToken,
      approval: { mode: values.approval, timeoutMs: values.approvalTimeout },
      readOnly: values.readOnly,
      cors: values.cors,
    },
  }
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
  if (values.detach) refuse('--detach', 'Run `openwork serve` under a service manager, or in tmux.')
  if (values.tui) refuse('--tui', 'Leave it out: logs are shown instead of the dashboard.')
  if (values.opencodeRouter) refuse('--opencode-router', 'Leave it out, or pass --no-opencode-router.')
  if (values.opencodeRouterRequired) refuse('--opencode-router-required', 'Leave it out.')
}

function parseLoopback(host: string): string {
  const address = LOOPBACK[host.trim().toLowerCase()]
  if (address) return address
  throw new OpenworkError('invalid_value', `--opencode-host must be a loopback address, got ${host}`, {
    hint: 'Allowed are 127.0.0.1, localhost and ::1. To reach the host from elsewhere use --remote-access.',
  })
}

function parseRemoteAccess({ openworkHost, remoteAccess, connectHost }: StartValues): boolean {
  const host = openworkHost?.trim().toLowerCase()
  if (host !== undefined && host !== '0.0.0.0' && !(host in LOOPBACK))
    throw new OpenworkError(
      'invalid_value',
      `--openwork-host must be a loopback address or 0.0.0.0, got ${openworkHost}`,
      {
        hint: 'Allowed are 127.0.0.1, localhost and 0.0.0.0 (the same as --remote-access).',
      },
    )
  const isRemote = remoteAccess || host === '0.0.0.0'
  if (connectHost !== undefined && !isRemote)
    throw new OpenworkError('flags_conflict', '--connect-host has no effect without --remote-access', {
      hint: 'Add --remote-access, or leave --connect-host out.',
    })
  return isRemote
}
