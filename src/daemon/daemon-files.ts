import { join } from 'node:path'
import { daemonLayout } from '../orchestrator/data-dir.ts'

/** Where the daemon of a data dir keeps its things. All files are 0600. */
export type DaemonFiles = {
  folder: string
  /** Names the process that is the daemon. */
  lock: string
  /** What users of the published daemon know: its workspaces, and where it listens. */
  state: string
  /** Bearer token of its API. */
  token: string
  /** Of remote workspaces, by their ids. */
  remoteCredentials: string
  /** Where opencode runs, unless told otherwise: it runs preloads and plugins of its folder, and outlives any workspace. */
  workdir: string
  log: string
}

export function daemonFiles(dataDir: string): DaemonFiles {
  const { workspace: folder } = daemonLayout(dataDir)
  return {
    folder,
    lock: join(folder, 'daemon.lock'),
    state: join(dataDir, 'openwork-orchestrator-state.json'),
    token: join(folder, 'token'),
    remoteCredentials: join(folder, 'remote-credentials.json'),
    workdir: join(folder, 'workdir'),
    log: join(folder, 'daemon.log'),
  }
}
