import { z } from 'zod'
import { fileStat, MAX_FILE_BYTES, rawWriteReply, rawWriteRequest } from '../../api/files.ts'
import { ok } from '../../http/route.ts'
import { CHANGE_FAILS, change } from '../change.ts'
import { download } from '../files/download.ts'
import { targetIn } from '../files/file-target.ts'
import { asFileFailure } from '../files/item-failure.ts'
import { findInside, openFile } from '../files/read-file.ts'
import { planReplacement } from '../files/replacement.ts'
import { revisionOf, wholeMs } from '../files/revision.ts'
import { findRelativePath, requireFolder } from '../files/safe-path.ts'
import { bytesRoute, requireWorkspace, route } from '../services.ts'

/** Base64 of the largest file, with room for its path. */
const MAX_RAW_BODY_BYTES = Math.ceil(MAX_FILE_BYTES / 3) * 4 + 64 * 1024

const pathQuery = z.object({ path: z.string() })

const PATH_FAILS = [
  'invalid_payload',
  'invalid_path',
  'workspace_not_found',
  'workspace_unauthorized',
  'workspace_not_a_folder',
] as const

export const statFile = route({
  method: 'GET',
  path: '/workspace/:id/files/stat',
  summary: 'Whether a file or folder is there, and in which revision',
  access: { auth: 'client' },
  query: pathQuery,
  reply: ok(fileStat),
  fails: [...PATH_FAILS, 'read_failed'],
  handle: async ({ params: { id }, query }, services) => {
    const root = requireFolder(requireWorkspace(services, id))
    const path = await findRelativePath(root, query.path)
    const stat = await asFileFailure('read_failed', findInside(root, path))
    if (!stat) return { ok: true as const, path, exists: false }
    const isFolder = stat.isDirectory()
    return {
      ok: true as const,
      path,
      exists: true,
      ...(isFolder && { kind: 'dir' as const }),
      ...(stat.isFile() && { kind: 'file' as const }),
      size: isFolder ? 0 : Number(stat.size),
      updatedAt: wholeMs(stat),
      revision: revisionOf(stat),
    }
  },
})

export const readRawFile = bytesRoute({
  method: 'GET',
  path: '/workspace/:id/files/raw',
  summary: 'The bytes of a file, or a range of them',
  access: { auth: 'client' },
  query: pathQuery,
  fails: [...PATH_FAILS, 'file_not_found', 'range_not_satisfiable', 'read_failed'],
  handle: async (call, services) => {
    const root = requireFolder(requireWorkspace(services, call.params.id))
    const path = await findRelativePath(root, call.query.path)
    return asFileFailure(
      'read_failed',
      openFile(root, path).then(file => download(file, path, call)),
    )
  },
})

export const writeRawFile = route({
  method: 'POST',
  path: '/workspace/:id/files/raw',
  summary: 'Write one file',
  access: { auth: 'client', scope: 'collaborator', writes: true },
  body: rawWriteRequest,
  maxBodyBytes: MAX_RAW_BODY_BYTES,
  reply: ok(rawWriteReply),
  fails: [
    ...PATH_FAILS,
    'invalid_json',
    'body_too_large',
    'file_too_large',
    'conflict',
    'disk_full',
    'write_failed',
    'too_many_writes',
    ...CHANGE_FAILS,
  ],
  handle: async (call, services) => {
    const workspace = requireWorkspace(services, call.params.id)
    const target = targetIn(services, workspace)
    const plan = await asFileFailure('write_failed', planReplacement(target.root, call.body))
    const action = 'workspace.file.write'
    const question = { action, summary: `Write ${plan.path}`, paths: [plan.absolute] } as const
    const effect = async () => {
      const writing = services.fileChanges.write(target, plan.path, plan.bytes, plan.expected)
      const written = await asFileFailure('write_failed', writing)
      return { result: written, audit: [{ action, target: plan.absolute, summary: `Wrote ${plan.path}` }] }
    }
    const { bytes, updatedAt, revision } = await services.batchMemory.holding(plan.bytes.length, () =>
      change(services, call, workspace, question, effect),
    )
    return { ok: true as const, path: plan.path, bytes, updatedAt, revision }
  },
})
