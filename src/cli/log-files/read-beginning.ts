import { constants } from 'node:fs'
import { systemCode } from '../../shared/errors.ts'
import { openPlainFile } from '../../shared/plain-file.ts'
import { type LogLine, logLineReader } from './log-line.ts'

/** What a host logs first is at the very beginning. */
const BEGINNING_BYTES = 16 * 1024

/** The folder that a host served, and when it was started; each null where its log does not tell, or not any more. */
export type Beginning = { workspace: string | null; startedAt: number | null }

/** @param parts the files of its log, the newest first */
export async function readBeginning(parts: readonly string[]): Promise<Beginning> {
  const read = logLineReader()
  for (const line of (await firstText(parts.at(-1) ?? '')).split('\n')) {
    const [record] = read(line)
    const workspace = record && workspaceIn(record)
    if (workspace !== undefined) return { workspace, startedAt: record?.atMs ?? null }
  }
  return { workspace: null, startedAt: null }
}

/** Of the record `starting`; of a later one nobody knows whether it is the first of its kind. */
function workspaceIn({ text, facts }: LogLine): string | undefined {
  const workspace = text.startsWith('starting ') ? facts?.workspace : undefined
  return typeof workspace === 'string' ? workspace : undefined
}

async function firstText(path: string): Promise<string> {
  try {
    await using file = await openPlainFile(path, { flags: constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) })
    const { buffer, bytesRead } = await file.read(Buffer.alloc(BEGINNING_BYTES), 0, BEGINNING_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return '' // gone, or not for us
  }
}
