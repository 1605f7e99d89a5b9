import { OpenworkError, systemCode } from '../shared/errors.ts'
import { writeAtomically } from './files/atomic-write.ts'
import { openPlace } from './files/folder.ts'
import { asFileFailure } from './files/item-failure.ts'
import { readFile } from './files/read-file.ts'
import { revisionOf } from './files/revision.ts'

/** No settings, command or skill of people is as long. */
const MAX_BYTES = 1024 * 1024

/** A small text file of a workspace as it was read. */
export type WorkspaceText = {
  text: string
  /** Different when the file was changed since. */
  revision: string
}

/**
 * A text file of a workspace; undefined when there is none. Throws `invalid_path` for one that leads out of the
 * workspace, `file_too_large`, `invalid_jsonc` for bytes that are no text: they would not survive being written back.
 */
export async function readText(root: string, relative: string): Promise<WorkspaceText | undefined> {
  try {
    const { bytes, stat } = await readFile(root, relative, size => requireSmall(relative, size))
    return { text: decodeUtf8(relative, bytes), revision: revisionOf(stat) }
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'file_not_found') return undefined
    if (systemCode(error) === 'ENOENT') return undefined // the workspace's own folder
    throw error
  }
}

/**
 * Writes a text file of a workspace in one step, in place of the one that was read, or where there was none. Throws
 * `conflict` when somebody else was faster, `invalid_path`, `disk_full` or `write_failed`.
 */
export async function writeText(
  root: string,
  relative: string,
  text: string,
  previous: WorkspaceText | undefined,
): Promise<void> {
  const place = await asFileFailure('write_failed', openPlace(root, relative, { create: true }))
  if (!place) throw new OpenworkError('conflict', `The folder of ${relative} was taken away`)
  await using held = place
  const expected = previous ? ({ be: 'revision', revision: previous.revision } as const) : ({ be: 'nothing' } as const)
  await asFileFailure('write_failed', writeAtomically(held, Buffer.from(text), { expected, given: relative }))
}

function requireSmall(relative: string, size: number): void {
  if (size <= MAX_BYTES) return
  throw new OpenworkError('file_too_large', `${relative} has ${size} bytes, at most ${MAX_BYTES} are read`, {
    details: { maxBytes: MAX_BYTES, size },
  })
}

function decodeUtf8(relative: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new OpenworkError('invalid_jsonc', `${relative} is not UTF-8`, { cause, details: [] })
  }
}
