import { createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import { unusable, writeFailure } from './write-failure.ts'

/** Where this host keeps its things. All folders are 0700. */
export type DataLayout = {
  root: string
  /** One file per living host: what runs, where, and what to clean up after a crash. */
  runs: string
  /** opencode's config folder for hosts of this data dir. */
  opencodeConfig: string
  /** Root of the isolated opencode state in dev mode. */
  devState: string
  /** Tokens and server state of this workspace, or of the daemon. */
  workspace: string
  credentials: string
  serverState: string
  tokenStore: string
}

/** Name of a workspace's folder in the data dir: `ws-` and the first 12 hex digits of the SHA-1 of its absolute path. */
const folderNameOf = (path: string): string => `ws-${createHash('sha1').update(path).digest('hex').slice(0, 12)}`

export function dataLayout(root: string, workspace: string): DataLayout {
  const own = join(root, 'workspaces', folderNameOf(workspace))
  return {
    root,
    runs: runsFolder(root),
    opencodeConfig: join(root, 'opencode-config'),
    devState: join(root, 'openwork-dev-data'),
    workspace: own,
    credentials: join(own, 'credentials.json'),
    serverState: join(own, 'openwork-server'),
    tokenStore: join(own, 'tokens.json'),
  }
}

/** Of the one daemon that a data dir can have: its server's workspaces share one set of tokens. */
export function daemonLayout(root: string): DataLayout {
  const own = join(root, 'daemon')
  return {
    ...dataLayout(root, own),
    workspace: own,
    credentials: join(own, 'credentials.json'),
    serverState: join(own, 'openwork-server'),
    tokenStore: join(own, 'tokens.json'),
  }
}

/** Of a host's openwork-server: for a daemon, the list of its workspaces is in it. */
export const serverSettingsFile = ({ serverState }: Pick<DataLayout, 'serverState'>): string =>
  join(serverState, 'server.json')

export const runsFolder = (root: string): string => join(root, 'runs')

/**
 * Refuses a data dir that cannot be used, before anything is created in it.
 * @throws OpenworkError data_dir_unusable
 */
export function checkDataDir(root: string): void {
  let folder = root
  for (;;) {
    try {
      if (!statSync(folder).isDirectory()) throw unusable(root, `${folder} is a file`)
      accessSync(folder, constants.W_OK | constants.X_OK)
      return
    } catch (error) {
      if (error instanceof OpenworkError) throw error
      if (systemCode(error) !== 'ENOENT') throw writeFailure(folder, error)
      folder = dirname(folder)
    }
  }
}

/**
 * Creates the folders of a host. May run twice.
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export function ensureDataDir(layout: DataLayout): void {
  for (const folder of [layout.root, layout.runs, layout.opencodeConfig, layout.workspace, layout.serverState]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw writeFailure(folder, error)
    }
  }
}
