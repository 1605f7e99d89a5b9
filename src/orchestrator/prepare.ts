import { OPENWORK_SERVER } from '../services/openwork-server.ts'
import { isCompiled, ownProgramArgv, type Self } from '../services/own-program.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { type FoundOpencode, findOpencode, type OpencodeRequest } from '../sidecars/find-opencode.ts'
import { type FoundOwnProgram, findOwnProgram, type OwnProgramRequest } from '../sidecars/find-own-program.ts'
import type { Progress } from '../sidecars/progress.ts'
import { platformName } from '../sidecars/release.ts'
import { findMachine } from '../sidecars/target.ts'
import { reapDeadRuns } from '../supervisor/reap.ts'
import { findConnectAddress } from './connect-address.ts'
import { ensureCredentials, newOpencodeCredentials } from './credentials.ts'
import { checkDataDir, dataLayout, ensureDataDir } from './data-dir.ts'
import { ensureOpencodeState, opencodeState } from './opencode-state.ts'
import { DEFAULT_SERVER_PORT, type StartOptions } from './options.ts'
import type { HostFacts } from './plan.ts'
import { findPort, requirePort } from './ports.ts'
import { ensureWorkspace, findWorkspace } from './workspace.ts'
import { writing } from './write-failure.ts'

export type PrepareDeps = {
  env: Readonly<Record<string, string | undefined>>
  /** The folder openwork was called in. */
  cwd: string
  self: Self
  platform: NodeJS.Platform
  home: string
  log: Log
  /** Shows how far downloads are, until `end`. */
  progress: { step(progress: Progress): void; end(): void }
  /** Aborted: stop preparing. */
  signal: AbortSignal
}

/** What each attempt to start has of its own. */
export type FactsOfAttempt = 'ports' | 'runRecord' | 'control'

export type Prepared = {
  facts: Omit<HostFacts, FactsOfAttempt>
  ports: HostFacts['ports']
  opencode: FoundOpencode
  server: FoundOwnProgram
  target: string
}

/**
 * Finds and makes what a host needs, and starts nothing. Everything that can be refused without a look at the machine's
 * binaries is refused first, then opencode is found, and only then is something created.
 */
export async function prepare(options: StartOptions, deps: PrepareDeps): Promise<Prepared> {
  const { log } = deps
  findWorkspace(options.workspace, options.createWorkspace)
  checkDataDir(options.dataDir)
  const ports = await choosePorts(options, log)
  const server = await findServer(options, deps)
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
  const facts = {
    ...deps,
    layout,
    workspace: workspace.path,
    opencodeBinary: opencode.path,
    serverArgv: server.argv,
    opencodeState: state,
    credentials: await ensureCredentials(layout.credentials, options.server, log),
    opencodeCredentials: options.opencode.credentials ?? newOpencodeCredentials(),
    connect: connectAddress(options, log),
  }
  return { facts, ports, opencode, server, target: await targetName() }
}

/** Ends what a run that was killed left behind. */
async function cleanUp(runs: string, log: Log): Promise<void> {
  const { killed, setAside } = await reapDeadRuns(runs)
  for (const { service, pid } of killed) log.warn(`stopped a ${service} that an earlier run left behind`, { pid })
  for (const path of setAside) log.warn('a run record could not be read and was set aside', { path })
}

export async function choosePorts(options: StartOptions, log: Log): Promise<HostFacts['ports']> {
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

/** The opencode that these options ask for; fetched when it is not there yet. */
export async function findBinary(
  options: StartOptions,
  { env, cwd, self, log, progress, signal }: PrepareDeps,
): Promise<FoundOpencode> {
  let isFetched = false
  const request: OpencodeRequest = {
    source: options.opencode.source,
    explicitBin: options.opencode.bin,
    allowExternal: options.sidecars.allowExternal,
    executablePath: isCompiled(self.main) ? self.execPath : self.main,
    sidecarDir: options.sidecars.dir,
    release: options.sidecars,
    env,
    cwd,
    signal,
    onProgress: step => {
      isFetched ||= step.stage === 'downloading'
      progress.step(step)
    },
  }
  const found = await showing(progress, () => findOpencode(request))
  for (const warning of found.warnings) log.warn(warning)
  if (isFetched) log.info(`opencode ${found.expectedVersion} fetched and verified`, { path: found.path })
  log.debug('opencode found', { path: found.path, source: found.source, version: found.actualVersion })
  return found
}

/** Of this machine, as builds are named: with the C library, which decides as much as the processor does. */
async function targetName(): Promise<string> {
  const machine = await findMachine()
  return machine ? platformName(machine) : `${process.platform}-${process.arch}`
}

async function findServer(
  options: StartOptions,
  { env, cwd, self, log, progress, signal }: PrepareDeps,
): Promise<FoundOwnProgram> {
  const { sidecars, server } = options
  const request: OwnProgramRequest = {
    program: OPENWORK_SERVER,
    source: sidecars.source,
    explicitBin: server.bin,
    allowExternal: sidecars.allowExternal,
    builtIn: ownProgramArgv(self, OPENWORK_SERVER, []),
    executablePath: isCompiled(self.main) ? self.execPath : self.main,
    sidecarDir: sidecars.dir,
    release: sidecars,
    env,
    cwd,
    signal,
    onProgress: step => progress.step(step),
  }
  const found = await showing(progress, () => findOwnProgram(request))
  for (const warning of found.warnings) log.warn(warning)
  log.debug('openwork-server found', { path: found.path, source: found.source, version: found.actualVersion })
  return found
}

/** Has progress shown while something is looked for, and not a moment longer. */
async function showing<Found>(progress: PrepareDeps['progress'], find: () => Promise<Found>): Promise<Found> {
  try {
    return await find()
  } finally {
    progress.end()
  }
}

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
