import { controlClient } from '../api/control-client.ts'
import type { DaemonWorkspace } from '../api/daemon.ts'
import { daemonClient } from '../api/daemon-client.ts'
import type { ReloadReport } from '../api/hot-reload.ts'
import { findDaemon } from '../daemon/find-daemon.ts'
import { type LocalHost, listLocalHosts } from '../orchestrator/local-hosts.ts'
import { OpenworkError } from '../shared/errors.ts'
import { folderMeant, nearestServing, realPathOf } from './folder-word.ts'
import type { Context } from './kit/context.ts'

/** A directory that something on this machine serves, and how to have it read anew there. */
export type ReloadTarget = {
  directory: string
  /** What a daemon calls it. */
  names: readonly string[]
  reload(request: { force: boolean }): Promise<ReloadReport>
  /** Whether opencode has an instance of it, or can make none because of what its files hold. */
  standing(): Promise<'serving' | 'broken' | 'unknown'>
}

/** Of one request: opencode may be restarted, and its plugins and MCP servers with it. */
const TIMEOUT_MS = 120_000

/**
 * Who serves a folder, or the folder it is part of, a daemon also by the name or id it has there; without a word the
 * current folder. Several hosts of one folder are all meant.
 *
 * @throws OpenworkError no_running_host, workspace_not_found, workspace_ambiguous, workspace_not_local
 */
export async function findReloadTargets(
  { workspace, dataDir }: { workspace: string | undefined; dataDir: string },
  context: Pick<Context, 'cwd' | 'home' | 'redactor'>,
): Promise<ReloadTarget[]> {
  const daemon = await daemonTargets(dataDir, context)
  const targets = [...(await hostTargets(dataDir, context)), ...daemon.targets]
  const named = targets.filter(({ names }) => workspace !== undefined && names.includes(workspace))
  const remote = daemon.remotes.find(({ id, name }) => [id, name].includes(workspace ?? ''))
  if (remote && named.length === 0)
    throw new OpenworkError('workspace_not_local', `${remote.name} is a workspace of ${remote.baseUrl}`, {
      hint: 'Reload it on that machine.',
    })
  if (targets.length === 0)
    throw new OpenworkError('no_running_host', `Nothing is served with the data dir ${dataDir}`, {
      hint: 'Nothing is to be reloaded: a start reads everything.',
    })
  if (named.length > 1)
    throw new OpenworkError('workspace_ambiguous', `${named.length} workspaces of the daemon are called ${workspace}`, {
      hint: `Name the folder: ${named.map(({ directory }) => directory).join(', ')}`,
    })
  if (named.length > 0) return named
  const directories = targets.map(({ directory }) => directory)
  const folder =
    workspace === undefined ? await realPathOf(context.cwd) : await folderMeant(workspace, directories, context)
  const served = `These are served: ${targets.map(({ names: [name], directory }) => (name ? `${name} (${directory})` : directory)).join(', ')}`
  if (folder === undefined)
    throw new OpenworkError('workspace_not_found', `There is no folder ${workspace}, and no workspace is called so`, {
      hint: served,
    })
  const meant = nearestServing(folder, targets)
  if (meant.length > 0) return meant
  throw new OpenworkError('no_running_host', `Nothing that runs here serves ${folder}`, { hint: served })
}

async function hostTargets(dataDir: string, { redactor }: Pick<Context, 'redactor'>): Promise<ReloadTarget[]> {
  const hosts = (await listLocalHosts(dataDir)).filter(({ serves }) => serves === 'one')
  for (const { control } of hosts) redactor.add(control.token)
  return hosts.map(hostTarget)
}

const hostTarget = ({ workspace, control }: LocalHost): ReloadTarget => ({
  directory: workspace,
  names: [],
  reload: ({ force }) => controlClient({ ...control, timeoutMs: TIMEOUT_MS }).reload({ directory: workspace, force }),
  standing: async () => 'unknown',
})

async function daemonTargets(
  dataDir: string,
  { redactor }: Pick<Context, 'redactor'>,
): Promise<{ targets: ReloadTarget[]; remotes: DaemonWorkspace[] }> {
  const daemon = await findDaemon(dataDir)
  if (daemon.state !== 'running') return { targets: [], remotes: [] }
  redactor.add(daemon.token)
  const { baseUrl, token } = daemon
  const client = daemonClient({ baseUrl, token, timeoutMs: TIMEOUT_MS })
  const { workspaces } = await client.workspaces()
  const targets = workspaces.filter(isLocal).map(
    ({ id, name, path }): ReloadTarget => ({
      directory: path,
      names: [name, id],
      reload: request => client.reload(id, request),
      standing: async () => {
        const { instance } = await client.workspace(id)
        if (instance?.state === 'broken') return 'broken'
        return instance && instance.state !== 'none' ? 'serving' : 'unknown'
      },
    }),
  )
  return { targets, remotes: workspaces.filter(workspace => !isLocal(workspace)) }
}

const isLocal = ({ workspaceType }: DaemonWorkspace): boolean => workspaceType === 'local'
