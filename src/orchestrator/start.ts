import { isCompiled, type Self } from '../services/own-program.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { VERSION } from '../shared/version.ts'
import type { Progress } from '../sidecars/download-opencode.ts'
import { type FoundOpencode, findOpencode } from '../sidecars/find-opencode.ts'
import { reapDeadRuns } from '../supervisor/reap.ts'
import { listRuns, openRunRecord } from '../supervisor/run-record.ts'
import { findConnectAddress } from './connect-address.ts'
import { ControlServer } from './control-server.ts'
import { ensureCredentials, newOpencodeCredentials } from './credentials.ts'
import { checkDataDir, dataLayout, ensureDataDir } from './data-dir.ts'
import { type Host, startHost } from './host.ts'
import { ensureOpencodeState, opencodeState } from './opencode-state.ts'
import { DEFAULT_SERVER_PORT, type StartOptions } from './options.ts'
import { type HostFacts, type HostPlan, planHost, secretsOf } from './plan.ts'
import { findPort, isFree, requirePort } from './ports.ts'
import type { RuntimeProgram } from './runtime.ts'
import { revokeLeftOwnerTokens } from './verify.ts'
import { ensureWorkspace, findWorkspace } from './workspace.ts'
import { writing } from './write-failure.ts'

export type StartDeps = {
  env: Readonly<Record<string, string | undefined>>
  /** The folder openwork was called in. */
  cwd: string
  self: Self
  platform: NodeJS.Platform
  home: string
  log: Log
  /** Aborted: stop starting. */
  signal: AbortSignal
  /** Given a way to kill at once what runs, for an impatient user, as soon as something runs. */
  onKillable: (kill: () => void) => void
}

export type Started = { host: Host; opencode: FoundOpencode; serverPath: string; credentialsFile: string }

/** Starts whose free ports were taken by others in between are planned anew so often. */
const PORT_ATTEMPTS = 3

/**
 * From options to a running, verified host. Everything that can be refused is checked before anything is created; what
 * was started is down again when this throws.
 */
export async function start(options: StartOptions, deps: StartDeps): Promise<Started> {
  const { log } = deps
  findWorkspace(options.workspace, options.createWorkspace)
  checkDataDir(options.dataDir)
  const ports = await choosePorts(options, log)

  const opencode = await findBinary(options, deps)
  deps.signal.throwIfAborted()

  const workspace = ensureWorkspace(options.workspace)
  if (workspace.created) log.info('workspace created', { path: workspace.path })
  if (workspace.configured) log.info('opencode.jsonc written, the workspace had no opencode config')
  const layout = dataLayout(options.dataDir, workspace.path)
  ensureDataDir(layout)
  await cleanUp(layout.runs, log)
  const state = opencodeState(layout, options.devMode)
  const seeds = {
    configDir: deps.env.OPENWORK_DEV_OPENCODE_IMPORT_CONFIG_DIR,
    dataDir: deps.env.OPENWORK_DEV_OPENCODE_IMPORT_DATA_DIR,
  }
  await writing(layout.devState, () => ensureOpencodeState(state, seeds))
  const credentials = await ensureCredentials(layout.credentials, options.server)
  const facts: Omit<HostFacts, FactsOfAttempt> = {
    ...deps,
    layout,
    workspace: workspace.path,
    opencodeBinary: opencode.path,
    opencodeState: state,
    credentials,
    opencodeCredentials: options.opencode.credentials ?? newOpencodeCredentials(),
    connect: connectAddress(options, log),
  }
  const host = await startPlanned(options, facts, ports, { ...deps, programs: programsOf(opencode, deps.self) })
  return { host, opencode, serverPath: deps.self.execPath, credentialsFile: layout.credentials }
}

/** Ends what a run that was killed left behind. */
async function cleanUp(runs: string, log: Log): Promise<void> {
  const { killed, setAside } = await reapDeadRuns(runs)
  for (const { service, pid } of killed) log.warn(`stopped a ${service} that an earlier run left behind`, { pid })
  for (const path of setAside) log.warn('a run record could not be read and was set aside', { path })
}

type Ports = HostFacts['ports']

/** What each attempt to start has of its own. */
type FactsOfAttempt = 'ports' | 'runRecord' | 'control'

const programsOf = (opencode: FoundOpencode, self: Self): RuntimeProgram[] => [
  {
    name: 'opencode',
    source: opencode.source,
    path: opencode.path,
    targetVersion: opencode.expectedVersion,
    actualVersion: opencode.actualVersion,
  },
  {
    name: 'openwork-server',
    source: 'bundled',
    path: self.execPath,
    targetVersion: VERSION,
    actualVersion: VERSION,
  },
]

/** Starts the plan; when another program took one of its free ports in the meantime, again with others. */
async function startPlanned(
  options: StartOptions,
  facts: Omit<HostFacts, FactsOfAttempt>,
  first: Ports,
  deps: StartDeps & { programs: readonly RuntimeProgram[] },
): Promise<Host> {
  let ports = first
  for (let attempt = 1; ; attempt++) {
    const record = await writing(facts.layout.runs, () => openRunRecord(facts.layout.runs, { runId: options.runId }))
    const control = new ControlServer()
    const plan = planHost(options, { ...facts, ports, control, runRecord: record.path })
    for (const secret of [...secretsOf(plan), control.token]) deps.log.redactor.add(secret)
    try {
      const host = await startHost(plan, { ...deps, record, control, version: VERSION })
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
      ports = await choosePorts(options, deps.log)
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

/** Whether a failed start is explained by a port that was free when it was chosen and is not any more. */
async function lostItsPort(error: unknown, plan: HostPlan, options: StartOptions): Promise<boolean> {
  if (!(error instanceof OpenworkError) || error.code !== 'service_gave_up') return false
  const opencodeLost = options.opencode.port === undefined && !(await isFree(plan.opencode.host, plan.opencode.port))
  const serverLost = !options.server.port.exact && !(await isFree(plan.server.bindHost, plan.server.port))
  return opencodeLost || serverLost
}

async function choosePorts(options: StartOptions, log: Log): Promise<Ports> {
  const bindHost = options.server.remoteAccess ? '0.0.0.0' : '127.0.0.1'
  const { number, exact } = options.server.port
  const server =
    exact && number !== 0
      ? await requirePort(bindHost, number, '--openwork-port')
      : await findPort(bindHost, number, '--openwork-port')
  if (!exact && server !== number)
    log.warn(`port ${DEFAULT_SERVER_PORT} is in use, taking ${server} instead`, {
      hint: 'pass --openwork-port to choose',
    })
  const opencode =
    options.opencode.port === undefined
      ? await findPort(options.opencode.host, undefined, '--opencode-port')
      : await requirePort(options.opencode.host, options.opencode.port, '--opencode-port')
  if (opencode === server)
    throw new OpenworkError('flags_conflict', `--openwork-port and --opencode-port are both ${server}`, {
      hint: 'Give them different ports, or leave one out.',
    })
  return { server, opencode }
}

async function findBinary(options: StartOptions, { env, cwd, self, log, signal }: StartDeps): Promise<FoundOpencode> {
  const found = await findOpencode({
    source: options.opencode.source,
    explicitBin: options.opencode.bin,
    allowExternal: options.sidecars.allowExternal,
    executablePath: isCompiled(self.main) ? self.execPath : self.main,
    sidecarDir: options.sidecars.dir,
    env,
    cwd,
    signal,
    onProgress: progressLog(log),
  })
  for (const warning of found.warnings) log.warn(warning)
  log.debug('opencode found', { path: found.path, source: found.source, version: found.actualVersion })
  return found
}

/** A line when another stage begins, and every few seconds within one: a download may take minutes. */
function progressLog(log: Log): (progress: Progress) => void {
  let last = { stage: '', atMs: 0 }
  return ({ stage, what, elapsedMs, bytes, totalBytes }) => {
    if (stage === last.stage && elapsedMs - last.atMs < PROGRESS_EVERY_MS) return
    last = { stage, atMs: elapsedMs }
    const percent = bytes !== undefined && totalBytes ? Math.floor((100 * bytes) / totalBytes) : undefined
    log.info(`${stage} ${what}`, { percent, seconds: Math.round(elapsedMs / 1_000) })
  }
}

const PROGRESS_EVERY_MS = 3_000

function connectAddress(options: StartOptions, log: Log): HostFacts['connect'] {
  const { remoteAccess, connectHost } = options.server
  if (!remoteAccess) return { host: '127.0.0.1', alternatives: [] }
  if (connectHost) return { host: connectHost, alternatives: [] }
  const found = findConnectAddress()
  log.warn('remote access is on: everyone who reaches this machine and has a token gets in, over plain HTTP', {
    address: found.host,
    ...(found.alternatives.length > 0 ? { alternatives: found.alternatives } : {}),
  })
  return found
}
