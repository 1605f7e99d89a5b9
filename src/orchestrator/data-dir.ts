import { accessSync, constants, lstatSync, mkdirSync, readdirSync, type Stats, statSync } from 'node:fs'
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
const folderNameOf = (path: string): string =>
  `ws-${new Bun.CryptoHasher('sha1').update(path).digest('hex').slice(0, 12)}`

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

/** Where hosts without a terminal write their logs: `<run id>.log`, rotated. */
export const logsFolder = (root: string): string => join(root, 'logs')

/**
 * Refuses a data dir that cannot be used, or that others can put files into, before anything is created in it. The answer
 * is undefined, or what to warn of.
 *
 * @throws OpenworkError data_dir_unusable
 */
export function checkDataDir(root: string): string | undefined {
  let folder = root
  for (;;) {
    try {
      const found = statSync(folder)
      if (!found.isDirectory()) throw unusable(root, `${folder} is a file`)
      accessSync(folder, constants.W_OK | constants.X_OK)
      return folder === root ? checkOwners(root, found) : undefined
    } catch (error) {
      if (error instanceof OpenworkError) throw error
      if (systemCode(error) !== 'ENOENT') throw writeFailure(folder, error)
      folder = dirname(folder)
    }
  }
}

/**
 * What is in a data dir says which programs run and who may use them. One that we make is ours alone; of one that was there
 * the group is trusted, as volumes of containers are given to one. Where everybody may write but each only remove what is
 * his (a tmpfs, mode 1777), what is there must be ours.
 */
function checkOwners(root: string, { mode, uid }: Stats): string | undefined {
  const own = process.getuid?.()
  if (own === undefined) return undefined // Windows has no such owners
  const isTrusted = (owner: number): boolean => owner === own || owner === 0
  // Root in a container has folders of anybody mounted.
  if (!isTrusted(uid) && own !== 0) throw openToOthers(root, 'it belongs to another user')
  if ((mode & EVERYBODY_WRITES) === 0) return undefined
  if ((mode & STICKY) === 0) throw openToOthers(root, 'everybody may write to it (`chmod o-w` ends that)')
  for (const name of readdirSync(root)) {
    const entry = lstatSync(join(root, name), { throwIfNoEntry: false })
    if (entry && !isTrusted(entry.uid)) throw openToOthers(root, `${name} in it belongs to another user`)
  }
  return `everybody may write to the data dir ${root}: \`chmod o-w\` ends that`
}

const EVERYBODY_WRITES = 0o002
const STICKY = 0o1000

const openToOthers = (root: string, why: string): OpenworkError =>
  new OpenworkError('data_dir_unusable', `The data dir ${root} is not safe from others: ${why}`, {
    hint: 'Pass --data-dir with a folder that only you may write to, or one that is not there yet.',
  })

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
