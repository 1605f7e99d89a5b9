import { realpath } from 'node:fs/promises'
import { isAbsolute, relative } from 'node:path'
import { controlClient } from '../api/control-client.ts'
import { daemonClient } from '../api/daemon-client.ts'
import type { ReloadReport } from '../api/hot-reload.ts'
import { findDaemon } from '../daemon/find-daemon.ts'
import { type LocalHost, listLocalHosts } from '../orchestrator/local-hosts.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Context } from './kit/context.ts'
import { localPath } from './local-path.ts'

/** A directory that something on this machine serves, and how to have it read anew there. */
export type ReloadTarget = {
  directory: string
  /** What a daemon calls it. */
  names: readonly string[]
  reload(request: { force: boolean }): Promise<ReloadReport>
}

/** Of one request: opencode may be restarted, and its plugins and MCP servers with it. */
const TIMEOUT_MS = 120_000

/**
 * Who serves a folder, or the folder it is part of, a daemon also by the name or id it has there; without one the current
 * folder, and where nobody serves that, the only one that is served. Several hosts of one folder are all meant.
 *
 * @throws OpenworkError no_running_host, several_running_hosts, workspace_ambiguous
 */
export async function findReloadTargets(
  { workspace, dataDir }: { workspace: string | undefined; dataDir: string },
  context: Pick<Context, 'cwd' | 'home' | 'redactor'>,
): Promise<ReloadTarget[]> {
  const hosts = (await listLocalHosts(dataDir)).filter(({ serves }) => serves === 'one')
  for (const { control } of hosts) context.redactor.add(control.token)
  const targets = [...hosts.map(hostTarget), ...(await daemonTargets(dataDir, context))]
  const named = targets.filter(({ names }) => workspace !== undefined && names.includes(workspace))
  if (named.length > 1)
    throw new OpenworkError('workspace_ambiguous', `${named.length} workspaces of the daemon are called ${workspace}`, {
      hint: `Name the folder: ${named.map(({ directory }) => directory).join(', ')}`,
    })
  if (named.length > 0) return named
  const folder = await realPathOf(localPath(workspace ?? '.', context))
  const holding = targets.filter(({ directory }) => isWithin(folder, directory))
  const longest = Math.max(...holding.map(({ directory }) => directory.length))
  const meant = holding.filter(({ directory }) => directory.length === longest)
  if (meant.length > 0) return meant
  if (workspace === undefined && targets.length === 1) return targets
  throw notFound(targets, { workspace, folder, dataDir })
}

const hostTarget = ({ workspace, control }: LocalHost): ReloadTarget => ({
  directory: workspace,
  names: [],
  reload: ({ force }) => controlClient({ ...control, timeoutMs: TIMEOUT_MS }).reload({ directory: workspace, force }),
})

async function daemonTargets(dataDir: string, { redactor }: Pick<Context, 'redactor'>): Promise<ReloadTarget[]> {
  const daemon = await findDaemon(dataDir)
  if (daemon.state !== 'running') return []
  redactor.add(daemon.token)
  const { baseUrl, token } = daemon
  const client = daemonClient({ baseUrl, token, timeoutMs: TIMEOUT_MS })
  const { workspaces } = await client.workspaces()
  return workspaces
    .filter(({ workspaceType }) => workspaceType === 'local')
    .map(({ id, name, path }) => ({
      directory: path,
      names: [id, name],
      reload: request => client.reload(id, request),
    }))
}

/** Of a folder that is gone, the path as it was typed: a workspace may have been removed behind its host. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return path
  }
}

function isWithin(path: string, folder: string): boolean {
  const place = relative(folder, path)
  return place === '' || !(place === '..' || place.startsWith('../') || place.startsWith('..\\') || isAbsolute(place))
}

function notFound(
  targets: readonly ReloadTarget[],
  { workspace, folder, dataDir }: { workspace: string | undefined; folder: string; dataDir: string },
): OpenworkError {
  if (targets.length === 0)
    return new OpenworkError('no_running_host', `No host is running with the data dir ${dataDir}`, {
      hint: 'Nothing is to be reloaded: a start reads everything.',
    })
  const served = targets.map(({ directory }) => directory).join(', ')
  if (workspace === undefined)
    return new OpenworkError('several_running_hosts', `${folder} is none of the folders that are served: ${served}`, {
      hint: 'Name the one you mean: openwork reload <workspace>',
    })
  return new OpenworkError('no_running_host', `Nothing that runs here serves ${folder}`, {
    hint: `These are served: ${served}`,
  })
}
