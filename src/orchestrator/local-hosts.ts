import { listRuns } from '../supervisor/run-record.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import { daemonLayout, dataLayout, runsFolder } from './data-dir.ts'
import { type HostInfo, parseHostInfo } from './host-info.ts'

/** A host that runs on this machine. */
export type LocalHost = {
  runId: string
  /** Of the program that runs it. */
  pid: number
  startedAtMs: number
  workspace: string
  serves: 'one' | 'listed'
  /** Where the host itself is asked, with this bearer token. */
  control: { baseUrl: string; token: string }
  /** For this machine. */
  baseUrl: string
  /** For others. */
  connectUrl: string
  /** Other guesses at `connectUrl`. */
  alternatives?: readonly string[]
  /** The tokens kept for its workspace; not those of a host that was started with tokens of its own. */
  credentials: Credentials | undefined
  /** Of a host without a terminal: JSON records, rotated. */
  logFile: string | undefined
  /** It goes on without whoever started it. */
  isDetached: boolean
}

/** The living hosts of a data dir, oldest first. */
export async function listLocalHosts(dataDir: string): Promise<LocalHost[]> {
  const runs = await listRuns(runsFolder(dataDir))
  return runs.flatMap(run => {
    const info = run.alive ? parseHostInfo(run.info) : undefined
    if (!info) return []
    const layout = info.serves === 'listed' ? daemonLayout(dataDir) : dataLayout(dataDir, info.workspace)
    const kept = readCredentials(layout.credentials)
    const { runId, startedAtMs, owner } = run
    const credentials = kept === 'unusable' ? undefined : kept
    return [{ runId, pid: owner.pid, startedAtMs, ...hostOf(info), ...info.openwork, credentials }]
  })
}

/** Two opencodes in a folder write the same sessions, and neither sees what the other one is at. */
export const renderSecondOpencode = ({ pid, baseUrl }: LocalHost): string =>
  `another host, process ${pid} at ${baseUrl}, serves this folder too: neither sees what runs in the other one`

const hostOf = ({ workspace, serves, control, logFile, isDetached = false }: HostInfo) => ({
  workspace,
  serves,
  control,
  logFile,
  isDetached,
})
