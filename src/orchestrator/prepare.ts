import { OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import type { FoundOpencode } from '../sidecars/find/ensure-opencode.ts'
import type { FoundOwnProgram } from '../sidecars/find/ensure-own-program.ts'
import { reapDeadRuns } from '../supervisor/reap.ts'
import { findConnectAddress } from './connect-address.ts'
import { ensureCredentials, newOpencodeCredentials } from './credentials.ts'
import { checkDataDir, daemonLayout, dataLayout, ensureDataDir, runsFolder } from './data-dir.ts'
import { findBinary, findServer, targetName } from './find-programs.ts'
import { listLocalHosts, renderSecondOpencode } from './local-hosts.ts'
import { ensureOpencodeState, opencodeState } from './opencode-state.ts'
import type { StartOptions } from './options.ts'
import type { HostFacts } from './plan.ts'
import { findPort, requirePort } from './ports.ts'
import type { PrepareDeps } from './prepare-deps.ts'
import { ensureWorkspace, findWorkspace } from './workspace.ts'
import { writing } from './write-failure.ts'

/** What each attempt to start has of its own. */
export type FactsOfAttempt = 'ports' | 'runRecord' | 'control' | 'serverLogFormat'

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
  const risk = checkDataDir(options.dataDir)
  if (risk) log.warn(risk)
  await cleanUp(runsFolder(options.dataDir), log) // first: what a killed run left may hold the ports
  const ports = await choosePorts(options, log)
  const server = await findServer(options, deps)
  const opencode = await findBinary(options, deps)
  deps.signal.throwIfAborted()

  const workspace = ensureWorkspace(options.workspace)
  if (options.serves === 'one') await tellOfWorkspace(workspace, options.dataDir, log)
  const layout = options.serves === 'one' ? dataLayout(options.dataDir, workspace.path) : daemonLayout(options.dataDir)
  ensureDataDir(layout)
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

/** A daemon's own folder is nobody's business. */
async function tellOfWorkspace(
  { path, created, configured }: ReturnType<typeof ensureWorkspace>,
  dataDir: string,
  log: Log,
): Promise<void> {
  if (created) log.info('workspace created', { path })
  if (configured) log.info('opencode.jsonc written, the workspace had no opencode config')
  // Allowed, and said. Folders of a daemon are refused before.
  for (const host of await listLocalHosts(dataDir))
    if (host.serves === 'one' && host.workspace === path) log.warn(renderSecondOpencode(host))
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
      : await findPort(bindHost, { preferred: number, flag: '--openwork-port' })
  if (!exact && server !== number)
    log.warn(`port ${number} is in use, taking ${server} instead`, {
      hint: 'pass --openwork-port to choose',
    })
  const opencode =
    options.opencode.port === undefined
      ? await findPort(options.opencode.host, {
          preferred: options.opencode.formerPort,
          except: server,
          flag: '--opencode-port',
        })
      : await requirePort(options.opencode.host, options.opencode.port, '--opencode-port')
  if (opencode === server)
    throw new OpenworkError('flags_conflict', `--openwork-port and --opencode-port are both ${server}`, {
      hint: 'Give them different ports, or leave one out.',
    })
  return { server, opencode }
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
