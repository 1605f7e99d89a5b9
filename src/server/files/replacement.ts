import type { RawWriteRequest } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { type Expectation, findFile } from './atomic-write.ts'
import { openPlace } from './folder.ts'
import { decodeBase64, requireFileSize } from './limits.ts'
import { revisionOf, wholeMs } from './revision.ts'
import { absolutePathOf, findRelativePath } from './safe-path.ts'

export type Replacement = { path: string; absolute: string; bytes: Uint8Array; expected: Expectation }

/**
 * What the writing of one file would do, nothing done yet. Throws `invalid_path`, `invalid_payload`, `file_too_large`,
 * or `conflict` (`details`: `baseUpdatedAt`, `currentUpdatedAt`) when the file is not the one that was edited.
 */
export async function planReplacement(root: string, request: RawWriteRequest): Promise<Replacement> {
  const path = await findRelativePath(root, request.path)
  const absolute = await absolutePathOf(root, path)
  const bytes = decodeBase64(request.dataBase64, 'dataBase64')
  requireFileSize(bytes.length)
  return { path, absolute, bytes, expected: await findExpected(root, path, request) }
}

async function findExpected(
  root: string,
  path: string,
  { baseUpdatedAt, force }: RawWriteRequest,
): Promise<Expectation> {
  await using place = await openPlace(root, path)
  const current = place && (await findFile(place.path, path))
  if (force || baseUpdatedAt === undefined || !current) return { be: 'anything' }
  const currentUpdatedAt = wholeMs(current)
  if (Math.floor(baseUpdatedAt) !== currentUpdatedAt)
    throw new OpenworkError('conflict', 'The file was changed since it was read', {
      details: { baseUpdatedAt, currentUpdatedAt },
    })
  return { be: 'revision', revision: revisionOf(current) }
}
