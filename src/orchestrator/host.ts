import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { hostLauncher } from '../supervisor/host-launcher.ts'
import type { RunRecord } from '../supervisor/run-record.ts'
import type { ServiceSnapshot, StateEvent, SupervisorEvent } from '../supervisor/service.ts'
import { supervise } from '../supervisor/supervisor.ts'
import type { ControlServices, Reloads } from './control-app.ts'
import type { ControlServer } from './control-server.ts'
import type { HostInfo } from './host-info.ts'
import type { ListedWorkspaces } from './listed-workspaces.ts'
import { HostLife } from './live/host-life.ts'
import type { LogRing } from './live/log-ring.ts'
import type { ObservedHost } from './live/observed-host.ts'
import { logEvent } from './log-events.ts'
import type { Notices } from './notices.ts'
import { type HostPlan, REQUIRED_SERVICES } from './plan.ts'
import { Runtime } from './runtime.ts'
import type { RuntimeProgram } from './runtime-program.ts'
import type { SuccessorOptions } from './successors.ts'
import { type OwnerToken, revokeOwnerToken, type Verified, verifyServer } from './verify.ts'
import { writing } from './write-failure.ts'

export type HostDeps = {
  log: Log
  /** Where this run is written down. The caller closes it after `stop()`, or after a failed start. */
  record: RunRecord
  /** Listening already. The caller stops it after `stop()`, or after a failed start. */
  control: ControlServer
  /** The last lines of the log. */
  records: LogRing
  /** What was warned of until now. */
  notices: Notices
  /** Where the programs of the plan came from. */
  programs: readonly RuntimeProgram[]
  /** Where an upgrade finds what runs after it. */
  successors: SuccessorOptions
  /** The version that the started server must report, unless the user answers for it. */
  server: { version: string; isExternal: boolean }
  /** Aborted: the start is given up and everything taken down. */
  signal: AbortSignal
  /** Of a host that serves listed ones. */
  workspaces?: ListedWorkspaces
  /** Told of every event of the services, after the log. Must not throw. */
  onEvent?: (event: SupervisorEvent) => void
  /** Called on what is running already, as soon as there is something to kill. */
  onKillable: (kill: () => void) => void
} & Detachment

/** How a host stands to whoever started it. */
export type Detachment = {
  /** Of a host without a terminal: JSON records, rotated. */
  logFile?: string | undefined
  /** It goes on without whoever started it, from its start. */
  isDetached?: boolean
  /** Somebody has asked that it goes on without whoever started it. Told once; must not throw. */
  onReleased?: () => void
}

/** A running host: every service up, the server verified. */
export type Host = {
  plan: HostPlan
  owner: OwnerToken
  /** As it says itself. */
  serverVersion: string
  /** Resolves when a service that the host cannot do without is gone for good. Never rejects. */
  ended: Promise<OpenworkError>
  /**
   * Resolves when somebody asks over the control API that it ends: whoever runs it stops it then. One that is asked
   * before it is ready does not come up: its start throws `interrupted`. Never rejects.
   */
  stopAsked: Promise<void>
  /** How its services are. */
  services(): ServiceSnapshot[]
  /** Ends a service and starts it again, at the same address. Throws as `Supervisor.restart`. */
  restart(service: string): Promise<ServiceSnapshot>
  /** Told of every event of the services from now on. Must not throw. */
  listen(listener: (event: SupervisorEvent) => void): void
  /** From now on the control server answers for hot reload. */
  offerReloads(reloads: Reloads): void
  /** Takes everything down, dependents first. */
  stop(): Promise<void>
}

/**
 * Starts the services of a plan and waits until all of them are ready and the server is verified. On any failure, and
 * when `signal` is aborted, everything is taken down again before the error is thrown.
 * @throws OpenworkError service_gave_up, server_verification_failed, interrupted
 */
export async function startHost(plan: HostPlan, deps: HostDeps): Promise<Host> {
  const { log, record } = deps
  const startedAtMs = Date.now()
  const life = lifeOf(plan, deps)
  const signal = AbortSignal.any([deps.signal, life.stopSignal])
  await writing(record.path, () => record.updateInfo(hostInfo(plan, deps, life))) // first: `status` finds a host that starts, too
  const { supervisor, nextTryAt, ended, lost, listen } = superviseServices(plan, deps, life)
  const { workspace, specs } = plan
  const { programs, successors } = deps
  const runtime = new Runtime({ ...successors, supervisor, programs, specs, startedAtMs, workspace, log })
  let verified: Verified | undefined
  const observed: ObservedHost = {
    plan,
    startedAtMs,
    logFile: deps.logFile,
    life,
    log,
    records: deps.records,
    notices: deps.notices,
    services: () => supervisor.snapshot(),
    nextTryAt,
    programs: () => runtime.programs(),
    verified: () => verified,
    reloads: () => services.reloads,
    workspaces: deps.workspaces,
    listen,
    restart: service => supervisor.restart(service),
  }
  const services: ControlServices = { runtime, workspaces: deps.workspaces, reloads: undefined, host: observed }
  deps.control.serve(services, log)
  const stop = async (owner?: OwnerToken): Promise<void> => {
    life.becomes('stopping')
    const closed = runtime.close()
    if (owner) await revokeOwnerToken(plan, owner)
    await supervisor.stop()
    await closed
  }
  try {
    await aborted(signal, Promise.all(specs.map(({ name }) => supervisor.reaches(name, 'ready'))))
    verified = await aborted(signal, verifyServer(plan, deps.server))
    const { owner, serverVersion } = verified
    if (serverVersion !== deps.server.version) {
      const notice = `openwork-server is ${serverVersion}, this openwork is made for ${deps.server.version}`
      log.warn(notice)
      deps.notices.add(notice)
    }
    log.redactor.add(owner.token)
    log.debug('everything is ready', { tookMs: Date.now() - startedAtMs })
    life.becomes('ready')
    return {
      plan,
      owner,
      serverVersion,
      ended,
      stopAsked: life.stopAsked,
      services: observed.services,
      restart: observed.restart,
      listen: listener => void listen(listener),
      offerReloads: reloads => {
        services.reloads = reloads
      },
      stop: () => stop(owner),
    }
  } catch (error) {
    await stop()
    throw lost() ?? error // the loss has the exit code and the last words of what was lost
  }
}

/** Starts the services. `ended` and `lost`: the first that is gone for good though the host cannot do without it. */
function superviseServices(plan: HostPlan, { log, record, onEvent, onKillable }: HostDeps, life: HostLife) {
  const ended = Promise.withResolvers<OpenworkError>()
  const listeners = new Set<(event: SupervisorEvent) => void>()
  const nextTries = new Map<string, number | undefined>()
  let lost: OpenworkError | undefined
  const supervisor = supervise(plan.specs, {
    launcher: hostLauncher(),
    record,
    onEvent: event => {
      logEvent(log, event)
      onEvent?.(event)
      if (event.type === 'state')
        nextTries.set(event.service, event.nextTryInMs === undefined ? undefined : event.atMs + event.nextTryInMs)
      for (const listener of listeners) listener(event)
      if (!isLoss(event)) return
      lost ??= loss(event)
      life.becomes('failed')
      ended.resolve(lost)
    },
  })
  onKillable(() => supervisor.kill())
  return {
    supervisor,
    nextTryAt: (service: string) => nextTries.get(service),
    ended: ended.promise,
    lost: () => lost,
    listen(listener: (event: SupervisorEvent) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A service that is needed, gone for good without having been asked to go. */
const isLoss = (event: SupervisorEvent): event is StateEvent =>
  event.type === 'state' &&
  REQUIRED_SERVICES.includes(event.service) &&
  (event.state === 'gave-up' || (event.state === 'exited' && event.previous !== 'stopping'))

/**
 * The failure with which a host ends. Its exit code is the child's own, 1 when a signal ended it, and that of
 * `service_gave_up` when it was ended by us because it never became ready.
 */
function loss({ service, previous, reason, exit, lastLines = [] }: StateEvent): OpenworkError {
  const output = [...new Set(lastLines)].slice(-LAST_LINES).join(' / ')
  return new OpenworkError(
    'service_gave_up',
    `${service} gave up: ${reason ?? 'it ended'}${output && `; its last output: ${output}`}`,
    {
      hint: 'The log above says more; --verbose and --opencode-log-level debug say most.',
      ...(previous !== 'stopping' && { exitCode: exit?.code || 1 }),
      details: { service, exitCode: exit?.code, signal: exit?.signal, lastLines },
    },
  )
}

const LAST_LINES = 5

/** The promise, or `interrupted` as soon as the signal is aborted. */
export function aborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void =>
      reject(
        signal.reason instanceof OpenworkError
          ? signal.reason
          : new OpenworkError('interrupted', 'The start was interrupted'),
      )
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

const lifeOf = (plan: HostPlan, deps: HostDeps): HostLife => {
  const life: HostLife = new HostLife({
    isDetached: deps.isDetached ?? false,
    async onReleased() {
      deps.onReleased?.()
      await deps.record.updateInfo(hostInfo(plan, deps, life))
    },
  })
  return life
}

const hostInfo = (
  plan: HostPlan,
  { control, logFile }: Pick<HostDeps, 'control' | 'logFile'>,
  { isDetached }: Pick<HostLife, 'isDetached'>,
): HostInfo => ({
  ...(logFile !== undefined && { logFile }),
  isDetached,
  workspace: plan.workspace,
  serves: plan.serves,
  control: { baseUrl: control.baseUrl, token: control.token.reveal() },
  openwork: {
    baseUrl: plan.server.baseUrl,
    connectUrl: plan.server.connectUrl,
    alternatives: plan.server.alternatives,
  },
  opencode: {
    baseUrl: plan.opencode.baseUrl,
    username: plan.opencode.username.reveal(),
    password: plan.opencode.password.reveal(),
  },
})
