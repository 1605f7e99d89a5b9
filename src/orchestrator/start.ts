import { setTimeout as delay } from 'node:timers/promises'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { FoundOpencode } from '../sidecars/find/ensure-opencode.ts'
import type { FoundOwnProgram } from '../sidecars/find/ensure-own-program.ts'
import { listRuns, openRunRecord } from '../supervisor/run-record.ts'
import type { SupervisorEvent } from '../supervisor/service.ts'
import { ControlServer } from './control-server.ts'
import { aborted, type Detachment, type Host, startHost } from './host.ts'
import type { ListedWorkspaces } from './listed-workspaces.ts'
import { LogRing } from './live/log-ring.ts'
import { Notices } from './notices.ts'
import type { StartOptions } from './options.ts'
import { type HostPlan, planHost, secretsOf } from './plan.ts'
import { isFree, requirePort } from './ports.ts'
import { choosePorts, type Prepared, prepare } from './prepare.ts'
import type { PrepareDeps } from './prepare-deps.ts'
import type { RuntimeProgram } from './runtime-program.ts'
import { successorOptions } from './successors.ts'
import { revokeLeftOwnerTokens } from './verify.ts'
import { writing } from './write-failure.ts'

export type StartDeps = PrepareDeps & {
  /** Given a way to kill at once what runs, for an impatient user, as soon as something runs. */
  onKillable: (kill: () => void) => void
  /** Told of every event of the services, after the log. Must not throw. */
  onEvent?: (event: SupervisorEvent) => void
  /** Of a host that serves listed ones. */
  workspaces?: ListedWorkspaces
} & Detachment

export type Started = {
  host: Host
  opencode: FoundOpencode
  server: FoundOwnProgram
  /** Of openwork's builds. */
  target: string
  credentialsFile: string
}

/** Starts whose free ports were taken by others in between are planned anew so often. */
const PORT_ATTEMPTS = 3

/** For a download to take its things away when it is interrupted. What hangs, on a lost network disk say, is left. */
const TIDY_MS = 1_000

/** From options to a running, verified host. What was started is down again when this throws. */
export async function start(options: StartOptions, deps: StartDeps): Promise<Started> {
  const records = new LogRing()
  deps.log.tap((record, text) => records.add(record, text))
  const notices = new Notices()
  const preparing = notices.during(deps.log, () => prepare(options, deps))
  const prepared = await aborted(deps.signal, preparing).catch(async error => {
    await Promise.race([preparing.catch(() => {}), delay(TIDY_MS, undefined, { ref: false })])
    throw error
  })
  const host = await startPlanned(options, prepared, { ...deps, records, notices })
  const { opencode, server, facts, target } = prepared
  return { host, opencode, server, target, credentialsFile: facts.layout.credentials }
}

const programsOf = ({ opencode, server }: Pick<Prepared, 'opencode' | 'server'>): RuntimeProgram[] => [
  {
    name: 'opencode',
    source: opencode.source,
    path: opencode.path,
    targetVersion: opencode.expectedVersion,
    actualVersion: opencode.actualVersion,
  },
  {
    name: 'openwork-server',
    source: server.source,
    path: server.path,
    targetVersion: server.expectedVersion,
    actualVersion: server.actualVersion,
  },
]

/** Starts the plan; when another program took one of its free ports in the meantime, again with others. */
async function startPlanned(
  options: StartOptions,
  { facts, ports: first, opencode, server }: Prepared,
  deps: StartDeps & { records: LogRing; notices: Notices },
): Promise<Host> {
  let ports = first
  for (let attempt = 1; ; attempt++) {
    const record = await writing(facts.layout.runs, () => openRunRecord(facts.layout.runs, { runId: options.runId }))
    const control = new ControlServer()
    const serverLogFormat = deps.logFile === undefined ? options.logFormat : 'json'
    const plan = planHost(options, { ...facts, ports, control, runRecord: record.path, serverLogFormat })
    for (const secret of [...secretsOf(plan), control.token]) deps.log.redactor.add(secret)
    try {
      const host = await startHost(plan, {
        ...deps,
        record,
        control,
        programs: programsOf({ opencode, server }),
        successors: successorOptions(options, deps),
        server: { version: server.expectedVersion, isExternal: server.source === 'external' },
      })
      await revokeOldOwners(plan, facts.layout.runs, deps.log)
      return {
        ...host,
        stop: async () => {
          // First: nothing may be restarted any more.
          await control.stop()
          await host.stop().finally(() => record.close())
        },
      }
    } catch (error) {
      await control.stop()
      await record.close()
      if (attempt === PORT_ATTEMPTS || !(await lostItsPort(error, plan, options))) throw error
      deps.log.warn('another program took a port in the meantime, trying others', { ...ports })
      ports = await deps.notices.during(deps.log, () => choosePorts(options, deps.log))
    }
  }
}

/** The host is up: what goes wrong here is no reason to end it. */
async function revokeOldOwners(plan: HostPlan, runs: string, log: Log): Promise<void> {
  try {
    const living = (await listRuns(runs)).filter(({ alive }) => alive)
    await revokeLeftOwnerTokens(plan, new Set(living.map(({ runId }) => runId)))
  } catch (error) {
    log.warn('owner tokens of earlier runs could not be taken back', { reason: String(error) })
  }
}

/**
 * Whether a failed start is explained by a port that was free when it was chosen and is not any more.
 * @throws OpenworkError port_in_use, when it was one that was asked for
 */
async function lostItsPort(error: unknown, plan: HostPlan, options: StartOptions): Promise<boolean> {
  if (!(error instanceof OpenworkError) || error.code !== 'service_gave_up') return false
  const { opencode, server } = plan
  const isLost = {
    opencode: !(await isFree(opencode.host, opencode.port)),
    server: !(await isFree(server.bindHost, server.port)),
  }
  if (isLost.server && options.server.port.exact && options.server.port.number !== 0)
    await requirePort(server.bindHost, server.port, '--openwork-port')
  if (isLost.opencode && options.opencode.port !== undefined)
    await requirePort(opencode.host, opencode.port, '--opencode-port')
  return isLost.opencode || isLost.server
}
