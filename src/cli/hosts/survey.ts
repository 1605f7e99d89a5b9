import type { HostSnapshot } from '../../api/host.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import type { KeptLog } from '../log-files/list-logs.ts'
import { readBeginning } from '../log-files/read-beginning.ts'
import { tellsOfKill } from '../log-files/read-end.ts'
import { logsOf } from './find-log.ts'
import { connectToHost } from './host-connection.ts'
import { type HostRun, listHostRuns } from './host-runs.ts'

const ASK_LIMIT_MS = 1_000

/**
 * `silent`: it lives and does not answer; `older`: it answers as one of a version that does not tell. `dead`: it was killed.
 * `ended`: only its log is left; `killed`, by which it was killed.
 */
export type SurveyedState = HostSnapshot['health'] | 'silent' | 'older' | 'dead' | 'ended' | 'killed'

export type SurveyedHost = {
  runId: string
  kind: 'host' | 'daemon'
  state: SurveyedState
  /** Null where it is not known. */
  workspace: string | null
  pid: number | null
  baseUrl: string | null
  connectUrl: string | null
  version: string | null
  startedAt: number | null
  /** Of one that has ended: when it wrote its last line. */
  endedAt: number | null
  isDetached: boolean
  /** All but those that are ready. */
  notReady: { name: string; state: string; reason?: string | undefined }[]
  /** Of a dead one: what it started and still lives. */
  left: { service: string; pid: number }[]
  logFile: string | null
}

/** The hosts of a data dir, oldest first, each asked how it is; `withEnded`, those as well of which there is only a log. */
export async function surveyHosts(
  dataDir: string,
  context: Pick<Context, 'redactor'>,
  { withEnded }: { withEnded: boolean },
): Promise<SurveyedHost[]> {
  const runs = await listHostRuns(dataDir)
  const hosts = await Promise.all(runs.map(run => surveyRun(run, context)))
  if (!withEnded) return hosts
  const known = new Set(hosts.flatMap(({ runId, logFile }) => [runId, logFile]))
  const logs = (await logsOf(dataDir)).filter(({ runId, path }) => !known.has(runId) && !known.has(path))
  const ended = await Promise.all(logs.reverse().map(endedHost))
  return [...ended, ...hosts]
}

async function surveyRun(run: HostRun, context: Pick<Context, 'redactor'>): Promise<SurveyedHost> {
  const { runId, alive, owner, startedAtMs, info, left } = run
  const snapshot = alive ? await askSnapshot(run, context) : undefined
  const asked = typeof snapshot === 'object' ? snapshot : undefined
  return {
    runId,
    kind: info?.serves === 'listed' ? 'daemon' : 'host',
    state: stateOf(alive, snapshot),
    workspace: info?.workspace ?? null,
    pid: owner.pid,
    baseUrl: info?.openwork.baseUrl ?? null,
    connectUrl: info?.openwork.connectUrl ?? null,
    version: asked?.version ?? null,
    startedAt: startedAtMs,
    endedAt: null,
    isDetached: asked?.isDetached ?? info?.isDetached ?? false,
    notReady: (asked?.services ?? [])
      .filter(({ state }) => state !== 'ready')
      .map(({ name, state, reason }) => ({ name, state, reason })),
    left,
    logFile: info?.logFile ?? null,
  }
}

const stateOf = (alive: boolean, snapshot: Asked): SurveyedState => {
  if (!alive) return 'dead'
  if (snapshot === undefined) return 'starting'
  return typeof snapshot === 'string' ? snapshot : snapshot.health
}

/** Undefined for one that is not asked, as it has no address yet. */
type Asked = HostSnapshot | 'silent' | 'older' | undefined

async function askSnapshot({ info }: HostRun, context: Pick<Context, 'redactor'>): Promise<Asked> {
  if (!info) return undefined
  try {
    return await connectToHost(info, context, ASK_LIMIT_MS).snapshot()
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return error.code === 'server_unreachable' ? 'silent' : 'older'
  }
}

async function endedHost({ runId, path, writtenAtMs, parts }: KeptLog): Promise<SurveyedHost> {
  const [{ workspace, startedAt }, isKilled] = await Promise.all([readBeginning(parts), tellsOfKill(path)])
  return {
    runId,
    kind: runId === 'daemon' ? 'daemon' : 'host',
    state: isKilled ? 'killed' : 'ended',
    workspace,
    pid: null,
    baseUrl: null,
    connectUrl: null,
    version: null,
    startedAt,
    endedAt: writtenAtMs,
    isDetached: false,
    notReady: [],
    left: [],
    logFile: path,
  }
}
