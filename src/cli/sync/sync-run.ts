import { hostname } from 'node:os'
import { posix } from 'node:path'
import { MAX_FILE_BYTES } from '../../api/files.ts'
import type { Secret } from '../../shared/secret.ts'
import { readIgnoreRules } from './ignore-rules.ts'
import { type LocalListing, listLocal, openLocalFolder } from './local-folder.ts'
import { clearLeftovers } from './local-writes.ts'
import { conflictName, findCollisions, findNameProblem } from './names.ts'
import { type Action, type Direction, type LocalFile, planSync, type RemoteFile, type Skipped } from './plan.ts'
import { parsePrefix, RemoteFolder, type RemoteWrite } from './remote-folder.ts'
import { SyncReport, type SyncResult } from './report.ts'
import { SyncState } from './sync-state.ts'

export type SyncOptions = {
  folder: string
  prefix: string
  direction: Direction
  server: { baseUrl: string; token: Secret }
  /** The active one when left out. */
  workspaceId: string | undefined
  /** Lines of `.gitignore` language. */
  ignore: readonly string[]
  dryRun: boolean
  deletes: boolean
  dataDir: string
  /** Ends the sync between two batches, or two deletions. */
  signal: AbortSignal
}

/** What a sync knows while it runs. */
export type SyncRun = {
  readonly actions: readonly Action[]
  readonly root: string
  readonly local: ReadonlyMap<string, LocalFile>
  readonly remote: ReadonlyMap<string, RemoteFile>
  readonly remoteFolder: RemoteFolder
  readonly state: SyncState
  readonly report: SyncReport
  /** After every batch: notes what was done, and throws when the sync was interrupted. */
  batchDone(): Promise<void>
  /** What the plan found at a path of the server. */
  expectedAt(path: string): RemoteWrite['expected']
  copyName(path: string, attempt: number): string
}

export type SyncProgress = {
  /** `total`: files to do something about. */
  begin(total: number): void
  step(path: string): void
}

/**
 * One sync, to its end; what each file came to is in the result. Throws what ends it for all files. A sync that was cut
 * off is taken up by the next: what was done is recognised by its content.
 */
export async function syncFolders(
  options: SyncOptions,
  progress: SyncProgress,
): Promise<{ result: SyncResult; actions: readonly Action[] }> {
  const { direction, dryRun } = options
  const root = await openLocalFolder(options.folder, { create: direction === 'down' && !dryRun })
  const isIgnored = await readIgnoreRules(root, options.ignore)
  const prefix = parsePrefix(options.prefix)
  const remoteFolder = await RemoteFolder.open(options.server, {
    workspaceId: options.workspaceId,
    prefix,
    write: direction === 'up' && !dryRun,
  })
  try {
    const pair = { server: options.server.baseUrl, workspaceId: remoteFolder.workspaceId, prefix, folder: root }
    const state = await SyncState.open(options.dataDir, pair)
    const [here, there] = [await listLocal(root, isIgnored), await remoteFolder.list()]
    const { files: remote, unknown } = usable(there, here, isIgnored)
    const { actions, unchanged, extra } = planSync({
      direction,
      local: here.files,
      remote,
      synced: state.files,
      unknown: [...here.unknown, ...unknown],
      deletes: options.deletes,
      maxBytes: MAX_FILE_BYTES,
    })
    const report = new SyncReport({ direction, unchanged, extra }, path => progress.step(path))
    progress.begin(actions.length)
    for (const action of actions) if (action.do === 'skip') report.skipped(action)
    if (dryRun) return { result: { ...report.result, dryRun }, actions }
    const at = new Date()
    const run: SyncRun = {
      actions,
      root,
      local: here.files,
      remote,
      remoteFolder,
      state,
      report,
      batchDone: async () => {
        await state.saveSometimes()
        options.signal.throwIfAborted()
      },
      expectedAt: path => remote.get(path) ?? 'nothing',
      copyName: (path, attempt) => conflictName(path, { at, host: hostname(), attempt }),
    }
    await recover(run, here.leftovers)
    forgetGone(run)
    await transfer(run, direction)
    return { result: report.result, actions }
  } finally {
    await remoteFolder.close()
  }
}

/** Clears away what a killed sync left, and keeps of it what is nowhere else. */
async function recover({ root, state, report, copyName }: SyncRun, leftovers: readonly string[]): Promise<void> {
  if (leftovers.length === 0) return
  const known = new Set([...state.files.values()].map(({ hash }) => hash))
  const copies = await clearLeftovers(root, leftovers, {
    isKnown: hash => known.has(hash),
    // Its name tells nothing of what it was.
    copyName: (path, attempt) => copyName(posix.join(posix.dirname(path), 'recovered'), attempt),
  })
  for (const { path, copy } of copies) report.kept(path, copy)
}

/** What is on neither side any more need not be remembered. */
function forgetGone({ state, local, remote }: SyncRun): void {
  for (const path of [...state.files.keys()]) if (!local.has(path) && !remote.has(path)) state.delete(path)
}

/** What was done is noted also when it ends early. */
async function transfer(run: SyncRun, direction: Direction): Promise<void> {
  try {
    if (direction === 'up') await (await import('./upload.ts')).upload(run)
    else await (await import('./download.ts')).download(run)
  } finally {
    await run.state.save()
  }
}

/** The files of a server that may be spoken of here: well-named, not ignored, and no two of them one file. */
function usable(
  there: ReadonlyMap<string, RemoteFile>,
  here: LocalListing,
  isIgnored: (path: string) => boolean,
): { files: Map<string, RemoteFile>; unknown: Skipped[] } {
  const unknown: Skipped[] = []
  const files = new Map<string, RemoteFile>()
  for (const [path, file] of there) {
    const reason = findNameProblem(path, process.platform)
    // Names first: the ignore rules take plain relative paths only.
    if (reason !== undefined) unknown.push({ do: 'skip', path, reason })
    else if (!isIgnored(path)) files.set(path, file)
  }
  const collisions = findCollisions(files.keys(), new Set(here.files.keys()), process.platform)
  for (const { path } of collisions) files.delete(path)
  return { files, unknown: [...unknown, ...collisions] }
}
