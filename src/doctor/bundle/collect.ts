import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { runsFolder } from '../../orchestrator/data-dir.ts'
import { parseJsonc } from '../../shared/jsonc.ts'
import { linuxProcess } from '../../supervisor/process-identity.ts'
import { type ListedRun, listRuns } from '../../supervisor/run-record.ts'
import type { Surroundings } from '../surroundings.ts'
import { type FoundFile, walk } from '../walk.ts'
import { askHosts } from './ask-hosts.ts'
import { Collection, orUndefined } from './entry.ts'
import type { KnownSecrets } from './known-secrets.ts'
import { learnFromEnvironment, learnFromFile, learnFromFiles, learnFromProcesses } from './learn-secrets.ts'
import { readLastLines, readWhole } from './read-own.ts'
import { removeSecrets } from './remove-secrets.ts'

const MAX_CONFIG_BYTES = 512 * 1024
const MAX_LOG_BYTES = 2 * 1024 * 1024
const MAX_LOGS = 16
const MAX_WORKSPACES = 20
const MAX_LISTED = 5_000

/** Of the data dir, by its path there: how hosts were started and where they are. */
const INCLUDED =
  /^(?:runs\/[^/]+\.json|openwork-orchestrator-state\.json|daemon\/daemon\.lock|(?:daemon|workspaces\/[^/]+)\/openwork-server\/server\.json|opencode-config\/opencode\.jsonc?)$/
const LOG = /^(?:logs|daemon)\/[^/]+\.log(?:\.\d+)?$/

/** Of a workspace, and of the folder of opencode's own settings. */
const WORKSPACE_FILES = [
  'opencode.json',
  'opencode.jsonc',
  '.opencode/openwork.json',
  '.opencode/opencode.json',
  '.opencode/opencode.jsonc',
]

export type Places = {
  around: Pick<Surroundings, 'env' | 'home' | 'dataDir'>
  /** The file of the user's own settings; undefined when none counts. */
  userConfig: string | undefined
  /** Folders that the daemon lists. */
  workspaces: readonly string[]
}

/**
 * Everything that helps to understand what is wrong here, without what its keys say is secret; and all secrets that are
 * known, so that they can be searched in what was collected.
 *
 * @throws the reason of an aborted `signal`
 */
export async function collect(
  { around, userConfig, workspaces }: Places,
  known: KnownSecrets,
  signal: AbortSignal,
): Promise<Collection> {
  const { env, home, dataDir } = around
  const collection = new Collection()
  const [{ files, isCut }, runs] = await Promise.all([
    walk(dataDir, signal),
    listRuns(runsFolder(dataDir)).catch(() => []),
  ])
  const folders = [...new Set([...workspaces, ...(await workspacesOf(files))])].slice(0, MAX_WORKSPACES)
  const configFolder = join(env.XDG_CONFIG_HOME || join(home, '.config'), 'opencode')
  const dataFolder = join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'opencode')

  if (isCut) known.noteIncomplete()
  learnFromEnvironment(env, known)
  await learnFromFiles(files, known)
  await learnFromProcesses(runs, known)
  for (const path of [
    ...(userConfig ? [userConfig] : []),
    join(home, '.config', 'openwork', 'server.json'),
    ...['auth.json', 'mcp-auth.json'].map(name => join(dataFolder, name)),
    ...[configFolder, ...folders].flatMap(folder => [...WORKSPACE_FILES, '.env'].map(name => join(folder, name))),
  ])
    await learnFromFile(path, known)
  signal.throwIfAborted()
  await askHosts(runs, collection, known)

  const config = (name: string, path: string) => collection.try(name, () => readConfig(path, known))
  if (userConfig) await config('config/openwork.json', userConfig)
  for (const name of ['opencode.json', 'opencode.jsonc'])
    await config(`config/opencode/${name}`, join(configFolder, name))
  for (const [at, folder] of folders.entries())
    for (const name of WORKSPACE_FILES) await addOfWorkspace(`config/workspace-${at + 1}/${name}`, folder, name, config)
  for (const file of files.filter(({ below, kind }) => kind === 'file' && INCLUDED.test(below)))
    await config(`data-dir/${file.below}`, file.path)
  await addLogs(files, collection, known, signal)
  for (const { below, kind } of files)
    if ((INCLUDED.test(below) || LOG.test(below)) && kind !== 'file')
      collection.leaveOut(`data-dir/${below}`, 'it is no plain file')
  collection.add('files.txt', fileList(files, isCut))
  collection.add('environment.txt', environmentText(env))
  collection.add('processes.json', runs.map(processesOf))
  return collection
}

/** Where hosts were started, by their records: also of those that another version or machine wrote. */
async function workspacesOf(files: readonly FoundFile[]): Promise<string[]> {
  const records = files.filter(({ below, kind }) => kind === 'file' && /^runs\/[^/]+\.json/.test(below))
  const found = records.map(async ({ path }) => {
    try {
      const { info } = JSON.parse(await readWhole(path, MAX_CONFIG_BYTES)) as { info?: { workspace?: unknown } }
      return typeof info?.workspace === 'string' ? [info.workspace] : []
    } catch {
      return [] // what cannot be read goes nowhere, and names no workspace
    }
  })
  return (await Promise.all(found)).flat()
}

/** Comments go: nobody can tell what they say. Undefined when there is no such file. */
async function readConfig(path: string, known: KnownSecrets): Promise<object | undefined> {
  const text = await readWhole(path, MAX_CONFIG_BYTES).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? undefined : (removeSecrets(await parseJsonc('it', text), known) as object)
}

/** Only what really lies in the workspace: an agent may have put a link there that leads elsewhere. */
async function addOfWorkspace(
  as: string,
  folder: string,
  name: string,
  add: (name: string, path: string) => Promise<void>,
): Promise<void> {
  const [root, real] = await Promise.all([orUndefined(realpath(folder)), orUndefined(realpath(join(folder, name)))])
  if (root !== undefined && real === join(root, name)) await add(as, real)
}

async function addLogs(files: readonly FoundFile[], collection: Collection, known: KnownSecrets, signal: AbortSignal) {
  const logs = files.filter(({ below, kind }) => kind === 'file' && LOG.test(below))
  const newest = logs.toSorted((a, b) => b.modifiedMs - a.modifiedMs)
  for (const { below } of newest.slice(MAX_LOGS))
    collection.leaveOut(below, `only the newest ${MAX_LOGS} logs are in it`)
  for (const { path, below } of newest.slice(0, MAX_LOGS)) {
    signal.throwIfAborted()
    await collection.try(below, async () =>
      (await readLastLines(path, MAX_LOG_BYTES)).map(line => logLine(line, known)).join('\n'),
    )
  }
}

/** A record without the values of keys that sound like secrets; other lines as they are. */
function logLine(line: string, known: KnownSecrets): string {
  if (!line.startsWith('{')) return line
  try {
    return JSON.stringify(removeSecrets(JSON.parse(line), known))
  } catch {
    return line
  }
}

function fileList(files: readonly FoundFile[], isCut: boolean): string {
  const lines = files.slice(0, MAX_LISTED).map(({ below, kind, mode, bytes, modifiedMs }) => {
    const rights = (mode & 0o7777).toString(8).padStart(4, '0')
    return `${kind.padEnd(6)} ${rights} ${String(bytes).padStart(12)} ${new Date(modifiedMs).toISOString()} ${JSON.stringify(below)}`
  })
  return `${[...lines, ...(isCut || files.length > MAX_LISTED ? ['… and more'] : [])].join('\n')}\n`
}

/** Those whose values say how a program behaves, and nothing else. */
const HARMLESS =
  /^(?:TERM|COLORTERM|TERM_PROGRAM|TERM_PROGRAM_VERSION|NO_COLOR|FORCE_COLOR|CI|LANG|LANGUAGE|LC_[A-Z]+|TZ|SHELL|PATH|HOME|TMPDIR|XDG_[A-Z]+_(?:HOME|DIR)|OPENWORK_DATA_DIR|OPENWORK_SIDECAR_DIR|OPENWORK_PORT|OPENWORK_DEV_MODE|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|WSL_DISTRO_NAME|SSH_TTY)$/

const environmentText = (env: Surroundings['env']): string =>
  Object.keys(env)
    .sort()
    .map(name => (HARMLESS.test(name) ? `${name}=${env[name]}\n` : `${name} (its value is left out)\n`))
    .join('')

const processesOf = ({ runId, alive, owner, startedAtMs, processes }: ListedRun): object => ({
  runId,
  alive,
  owner: owner.pid,
  startedAt: new Date(startedAtMs).toISOString(),
  processes: processes.map(({ service, pid, group }) => ({ service, pid, group, runs: isRunning(pid) })),
})

const isRunning = (pid: number): boolean | undefined =>
  process.platform === 'linux' ? linuxProcess(pid) !== undefined : undefined
