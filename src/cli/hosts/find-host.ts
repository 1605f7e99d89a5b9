import { daemonFiles } from '../../daemon/daemon-files.ts'
import { type LocalHost, listLocalHosts } from '../../orchestrator/local-hosts.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { folderMeant, nearestServing, realPathOf } from '../folder-word.ts'
import type { Io } from '../kit/io.ts'
import { onOneLine } from '../kit/one-line.ts'
import { shortIds } from './short-ids.ts'

/** The argument of a command that is about one host. */
export const hostArg = {
  summary: 'Its run id or how that begins, process id or folder, or `daemon`; the only one that runs when left out',
  optional: true,
} as const

type Place = { dataDir: string } & Pick<Io, 'cwd' | 'home'>

/**
 * The living host that a word names: by its run id or how that begins, its process id, a folder that it serves, or
 * `daemon`. Without a word the only one, or of several the one that serves the current folder.
 *
 * @throws OpenworkError no_running_host, several_running_hosts
 */
export async function findHost(word: string | undefined, place: Place): Promise<LocalHost> {
  const hosts = await listLocalHosts(place.dataDir)
  if (hosts.length === 0) throw noHost(`No host is running with the data dir ${place.dataDir}`)
  if (word === undefined) {
    const host = await hostOfFolder(hosts, place)
    if (host) return host
    throw severalRun(hosts, 'Name one of them, or call this in a folder that only one of them serves.')
  }
  const [host, ...others] = await hostsMeant(word, hosts, place)
  if (!host)
    throw new OpenworkError('no_running_host', `No running host is called ${onOneLine(word)}`, {
      hint: `These run: ${hostTexts(hosts)}.`,
    })
  if (others.length > 0) throw severalRun([host, ...others], 'Name one of them by its id.')
  return host
}

/** The only one, or of several the one that serves the folder; undefined where that cannot be told. */
export async function hostOfFolder(
  hosts: readonly LocalHost[],
  { cwd, dataDir }: Pick<Place, 'cwd' | 'dataDir'>,
): Promise<LocalHost | undefined> {
  if (hosts.length === 1) return hosts[0]
  const [host, ...others] = nearestServing(await realPathOf(cwd), await servedFolders(hosts, dataDir))
  return others.length === 0 ? host?.host : undefined
}

export const noHost = (message: string): OpenworkError =>
  new OpenworkError('no_running_host', message, {
    hint: 'Start one with `openwork start`, or name its data dir with --data-dir.',
  })

export const severalRun = (hosts: readonly LocalHost[], hint: string): OpenworkError =>
  new OpenworkError('several_running_hosts', `${hosts.length} hosts are running: ${hostTexts(hosts)}`, {
    hint,
    details: { hosts: hosts.map(({ runId, pid, workspace, baseUrl }) => ({ runId, pid, workspace, baseUrl })) },
  })

/** `3f2a9c1e (/home/me/project, http://127.0.0.1:8787, pid 12)`, with the ids of `openwork ps`. */
function hostTexts(hosts: readonly LocalHost[]): string {
  const ids = shortIds(hosts.map(({ runId }) => runId))
  const texts = hosts.map(({ pid, baseUrl, serves, workspace }, index) => {
    const where = serves === 'listed' ? 'the daemon' : onOneLine(workspace)
    return `${ids[index]} (${where}, ${baseUrl}, pid ${pid})`
  })
  return texts.join(', ')
}

/** What stands for a host exactly counts before what could be the beginning of a run id. */
async function hostsMeant(word: string, hosts: readonly LocalHost[], place: Place): Promise<LocalHost[]> {
  const exact = hosts.filter(
    ({ runId, pid, serves }) => runId === word || String(pid) === word || (word === 'daemon' && serves === 'listed'),
  )
  if (exact.length > 0) return exact
  const begun = hosts.filter(({ runId }) => runId.startsWith(word))
  if (begun.length > 0) return begun
  const served = await servedFolders(hosts, place.dataDir)
  const known = served.map(({ directory }) => directory)
  const folder = await folderMeant(word, known, place)
  return folder === undefined ? [] : nearestServing(folder, served).map(({ host }) => host)
}

/** Each folder with the host that serves it: a daemon serves those of its list. */
async function servedFolders(
  hosts: readonly LocalHost[],
  dataDir: string,
): Promise<{ host: LocalHost; directory: string }[]> {
  const alone = hosts.filter(({ serves }) => serves === 'one')
  const daemons = hosts.filter(({ serves }) => serves === 'listed')
  const listed = daemons.length === 0 ? [] : await listedFolders(dataDir)
  return [
    ...alone.map(host => ({ host, directory: host.workspace })),
    ...daemons.flatMap(host => listed.map(directory => ({ host, directory }))),
  ]
}

async function listedFolders(dataDir: string): Promise<string[]> {
  // Only where it is needed: schemas take longer to load than the rest of a command takes.
  const { readDaemonState } = await import('../../daemon/state-file.ts')
  const { workspaces } = await readDaemonState(daemonFiles(dataDir).state)
  return workspaces.filter(({ workspaceType }) => workspaceType === 'local').map(({ path }) => path)
}
