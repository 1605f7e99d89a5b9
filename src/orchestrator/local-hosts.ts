import { listRuns } from '../supervisor/run-record.ts'
import { type Credentials, readCredentials } from './credentials.ts'
import { dataLayout, runsFolder } from './data-dir.ts'
import { parseHostInfo } from './host-info.ts'

/** A host that runs on this machine. */
export type LocalHost = {
  workspace: string
  /** For this machine. */
  baseUrl: string
  /** For others. */
  connectUrl: string
  /** The tokens kept for its workspace; not those of a host that was started with tokens of its own. */
  credentials: Credentials | undefined
}

/** The living hosts of a data dir, oldest first. */
export async function listLocalHosts(dataDir: string): Promise<LocalHost[]> {
  const runs = await listRuns(runsFolder(dataDir))
  return runs.flatMap(run => {
    const info = run.alive ? parseHostInfo(run.info) : undefined
    if (!info) return []
    const kept = readCredentials(dataLayout(dataDir, info.workspace).credentials)
    return [{ workspace: info.workspace, ...info.openwork, credentials: kept === 'unusable' ? undefined : kept }]
  })
}
