import { MAX_FILE_BYTES } from '../../api/files.ts'
import { batches } from './batches.ts'
import { hashOf, type LocalContent, readLocal } from './local-folder.ts'
import type { RemoteContent, RemoteWrite } from './remote-folder.ts'
import { fileFailure } from './report.ts'
import type { SyncRun } from './sync-run.ts'

/** Names to try for a conflict copy. */
const COPY_ATTEMPTS = 20

type Loaded = LocalContent & { readonly path: string }

/** Makes the server's folder a mirror of ours. Throws what ends it for all files: no answer, denied, no space. */
export async function upload(run: SyncRun): Promise<void> {
  const { actions, local, remote } = run
  const toCompare = new Set<string>()
  const writes = actions.filter(({ do: what }) => what === 'create' || what === 'update')
  for (const batch of batches(writes, ({ path }) => local.get(path)?.size ?? 0)) {
    const loaded = await loadAll(run, batch)
    for (const path of await writeAll(run, loaded, ({ path }) => run.expectedAt(path))) toCompare.add(path)
    await run.batchDone()
  }
  // The server has something else than was listed: another client was quicker, or it leaves the file out of listings.
  for (const action of actions) if (action.do === 'compare') toCompare.add(action.path)
  for (const batch of batches([...toCompare], path => remote.get(path)?.size ?? MAX_FILE_BYTES)) {
    await settle(run, batch)
    await run.batchDone()
  }
  await deleteAll(run)
}

async function loadAll(run: SyncRun, files: readonly { readonly path: string }[]): Promise<Loaded[]> {
  const loaded: Loaded[] = []
  for (const { path } of files) {
    try {
      const content = await readLocal(run.root, path, MAX_FILE_BYTES)
      if (content) loaded.push({ path, ...content })
      else run.report.skipped({ path, reason: 'it is gone by now' })
    } catch (error) {
      run.report.failed(path, fileFailure(path, error))
    }
  }
  return loaded
}

/** Returns the paths where the server has something else than expected. */
async function writeAll(
  { remoteFolder, report, state }: SyncRun,
  loaded: readonly Loaded[],
  expectedOf: (file: Loaded) => RemoteWrite['expected'],
  copies: ReadonlyMap<string, string> = new Map(),
): Promise<string[]> {
  if (loaded.length === 0) return []
  const writes = loaded.map(file => ({ path: file.path, bytes: file.bytes, expected: expectedOf(file) }))
  const answers = await remoteFolder.write(writes)
  const conflicts: string[] = []
  for (const [index, { path, bytes, hash }] of loaded.entries()) {
    const answer = answers[index]
    const copy = copies.get(path)
    if (answer?.ok) {
      state.set(path, { hash, revision: answer.revision })
      if (copy !== undefined) report.conflict(path, copy, bytes.length)
      else report.done(path, writes[index]?.expected === 'nothing' ? 'created' : 'updated', bytes.length)
    } else if (answer?.code === 'conflict') conflicts.push(path)
    else if (answer) report.failed(path, answer)
  }
  return conflicts
}

/** Compares contents. What is the same is noted; what is not is copied aside on the server, then overwritten. */
async function settle(run: SyncRun, paths: readonly string[]): Promise<void> {
  const { remoteFolder, report, state } = run
  const loaded = await loadAll(
    run,
    paths.map(path => ({ path })),
  )
  if (loaded.length === 0) return
  const answers = await remoteFolder.read(loaded.map(({ path }) => path))
  const there = new Map<string, RemoteContent>()
  const differing: Loaded[] = []
  for (const [index, file] of loaded.entries()) {
    const answer = answers[index]
    if (answer?.ok && hashOf(answer.bytes) === file.hash) {
      state.set(file.path, { hash: file.hash, revision: answer.revision })
      report.done(file.path, 'same')
    } else if (answer?.ok) {
      there.set(file.path, answer)
      differing.push(file)
    } else if (answer?.code === 'file_not_found') differing.push(file)
    else if (answer) report.failed(file.path, answer)
  }
  const copies = await copyAside(run, there)
  const ready = differing.filter(({ path }) => !there.has(path) || isKnown(run, path, there) || copies.has(path))
  const expectedOf = ({ path }: Loaded): RemoteWrite['expected'] => there.get(path) ?? 'nothing'
  for (const path of await writeAll(run, ready, expectedOf, copies))
    report.failed(path, { code: 'conflict', message: 'It was changed on the server at the same time; sync again' })
}

/** A content that a sync put there needs no copy. */
const isKnown = ({ state }: SyncRun, path: string, there: ReadonlyMap<string, RemoteContent>): boolean =>
  state.files.get(path)?.revision === there.get(path)?.revision

/** Keeps contents of the server under other names, and returns these; what could not be kept is reported. */
async function copyAside(run: SyncRun, there: ReadonlyMap<string, RemoteContent>): Promise<Map<string, string>> {
  const copies = new Map<string, string>()
  let left = [...there].filter(([path]) => !isKnown(run, path, there))
  for (let attempt = 1; left.length > 0 && attempt <= COPY_ATTEMPTS; attempt++) {
    const writes = left.map(
      ([path, { bytes }]) => ({ path: run.copyName(path, attempt), bytes, expected: 'nothing' }) as const,
    )
    const answers = await run.remoteFolder.write(writes)
    const taken: typeof left = []
    for (const [index, entry] of left.entries()) {
      const answer = answers[index]
      const copy = writes[index]?.path
      if (answer?.ok && copy !== undefined) copies.set(entry[0], copy)
      else if (answer && !answer.ok && answer.code === 'conflict') taken.push(entry)
      else if (answer && !answer.ok) run.report.failed(entry[0], answer)
    }
    left = taken
  }
  for (const [path] of left) run.report.failed(path, { code: 'conflict', message: 'No name is free to keep a copy' })
  return copies
}

async function deleteAll(run: SyncRun): Promise<void> {
  const { actions, remoteFolder, remote, report, state } = run
  for (const batch of batches(
    actions.filter(action => action.do === 'delete'),
    () => 0,
  )) {
    // The server deletes whatever is there: it is asked right before, as the listing may be minutes old.
    const unchanged: string[] = []
    for (const { path } of batch) {
      const revision = await remoteFolder.revisionOf(path)
      if (revision === remote.get(path)?.revision) unchanged.push(path)
      else if (revision === undefined) report.done(path, 'deleted')
      else report.skipped({ path, reason: 'not deleted: it was changed on the server meanwhile' })
    }
    if (unchanged.length === 0) continue
    const answers = await remoteFolder.delete(unchanged)
    for (const [index, path] of unchanged.entries()) {
      const answer = answers[index]
      if (answer && !answer.ok && answer.code !== 'file_not_found') report.failed(path, answer)
      else {
        state.delete(path)
        report.done(path, 'deleted')
      }
    }
    await run.batchDone()
  }
}
