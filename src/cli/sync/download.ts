import { MAX_FILE_BYTES } from '../../api/files.ts'
import { batches } from './batches.ts'
import { hashOf } from './local-folder.ts'
import { placeFile, removeFile } from './local-writes.ts'
import type { RemoteContent } from './remote-folder.ts'
import { fileFailure } from './report.ts'
import type { SyncRun } from './sync-run.ts'

/** Makes our folder a mirror of the server's. Throws what ends it for all files: no answer, no space. */
export async function download(run: SyncRun): Promise<void> {
  const { actions, remote, remoteFolder, report } = run
  const wanted = actions.filter(({ do: what }) => what === 'create' || what === 'update' || what === 'compare')
  for (const batch of batches(wanted, ({ path }) => remote.get(path)?.size ?? MAX_FILE_BYTES)) {
    const answers = await remoteFolder.read(batch.map(({ path }) => path))
    for (const [index, { path }] of batch.entries()) {
      const answer = answers[index]
      if (answer?.ok) await place(run, path, answer)
      else if (answer?.code === 'file_not_found') report.skipped({ path, reason: 'it is gone by now' })
      else if (answer) report.failed(path, answer)
    }
    await run.batchDone()
  }
  for (const action of actions) {
    if (action.do !== 'delete') continue
    await remove(run, action.path)
    await run.batchDone()
  }
}

async function place({ root, report, state, copyName }: SyncRun, path: string, content: RemoteContent): Promise<void> {
  const { bytes, revision } = content
  try {
    const placed = await placeFile(root, path, bytes, {
      expectedHash: state.files.get(path)?.hash,
      copyName: attempt => copyName(path, attempt),
    })
    state.set(path, { hash: hashOf(bytes), revision })
    if (placed.as === 'conflict') report.conflict(path, placed.copy, bytes.length)
    else report.done(path, placed.as, placed.as === 'same' ? 0 : bytes.length)
  } catch (error) {
    report.failed(path, fileFailure(path, error))
  }
}

async function remove({ root, report, state, local }: SyncRun, path: string): Promise<void> {
  try {
    await removeFile(root, path, local.get(path)?.hash ?? '')
    state.delete(path)
    report.done(path, 'deleted')
  } catch (error) {
    report.failed(path, fileFailure(path, error))
  }
}
