import { runsFolder } from '../../orchestrator/data-dir.ts'
import { type HostInfo, parseHostInfo } from '../../orchestrator/host-info.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { isSameProcess } from '../../supervisor/process-identity.ts'
import { type ListedRun, listRuns } from '../../supervisor/run-record.ts'
import type { Io } from '../kit/io.ts'
import { onOneLine } from '../kit/one-line.ts'
import { findHost } from './find-host.ts'
import { shortIds } from './short-ids.ts'

/** A run that is on record: of a host that lives, or of one that was killed and could not take its record away. */
export type HostRun = Pick<ListedRun, 'runId' | 'startedAtMs' | 'alive' | 'path' | 'owner'> & {
  /** Undefined for one that has no addresses yet. */
  info: HostInfo | undefined
  /** What it has started, and still lives. Of a living one that is not looked at. */
  left: { service: string; pid: number }[]
}

/** Those of a data dir, oldest first. */
export async function listHostRuns(dataDir: string): Promise<HostRun[]> {
  const runs = await listRuns(runsFolder(dataDir))
  return await Promise.all(
    runs.map(async run => {
      const { runId, startedAtMs, alive, path, owner } = run
      const left = alive ? [] : await leftOf(run)
      return { runId, startedAtMs, alive, path, owner, info: parseHostInfo(run.info), left }
    }),
  )
}

async function leftOf({ processes }: ListedRun): Promise<HostRun['left']> {
  const found = await Promise.all(
    processes.map(async ({ service, pid, startTime }) =>
      startTime !== null && (await isSameProcess(pid, startTime)) ? [{ service, pid }] : [],
    ),
  )
  return found.flat()
}

/**
 * The runs that a word names, as `findHost` does; by their id or process id also those that are starting or dead.
 * @throws OpenworkError no_running_host, several_running_hosts
 */
export async function findRun(
  word: string,
  runs: readonly HostRun[],
  place: { dataDir: string } & Pick<Io, 'cwd' | 'home'>,
): Promise<HostRun> {
  const exact = runs.find(({ runId, owner }) => runId === word || String(owner.pid) === word)
  const begun = runs.filter(({ runId }) => runId.startsWith(word))
  const [only, ...others] = exact ? [exact] : begun
  if (only && others.length === 0) return only
  if (only) throw severalRuns(begun, 'Name one of them by more of its run id.')
  const { runId } = await findHost(word, place)
  const found = runs.find(run => run.runId === runId)
  if (found) return found
  throw new OpenworkError('no_running_host', `No running host is called ${onOneLine(word)}`)
}

export const severalRuns = (runs: readonly HostRun[], hint: string): OpenworkError =>
  new OpenworkError('several_running_hosts', `${runs.length} hosts are running: ${runTexts(runs).join(', ')}`, {
    hint,
    details: { hosts: runs.map(({ runId, owner, info }) => ({ runId, pid: owner.pid, workspace: info?.workspace })) },
  })

/** `3f2a9c1e: the daemon (pid 12)`, with the ids of `openwork ps`. */
function runTexts(runs: readonly HostRun[]): string[] {
  const ids = shortIds(runs.map(({ runId }) => runId))
  return runs.map((run, index) => `${ids[index]}: ${runText(run)}`)
}

/** `the daemon (pid 12)`, `/home/me/project (pid 12)`. */
export const runText = ({ runId, owner, info }: Pick<HostRun, 'runId' | 'owner' | 'info'>): string =>
  `${info?.serves === 'listed' ? 'the daemon' : onOneLine(info?.workspace ?? `run ${runId}`)} (pid ${owner.pid})`
