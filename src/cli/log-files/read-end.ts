import { constants } from 'node:fs'
import { systemCode } from '../../shared/errors.ts'
import { openPlainFile } from '../../shared/plain-file.ts'
import { logLineReader } from './log-line.ts'

/** The last record of a host is a short one of our own. */
const END_BYTES = 16 * 1024

/** Whether the last that a log tells is that its host was killed: of the run given, if one is. */
export async function tellsOfKill(path: string, runId?: string): Promise<boolean> {
  const lines = (await lastText(path)).split('\n').flatMap(logLineReader())
  const facts = lines.at(-1)?.facts
  return facts?.['host.end'] === 'killed' && (runId === undefined || facts['run.id'] === runId)
}

async function lastText(path: string): Promise<string> {
  try {
    await using file = await openPlainFile(path, { flags: constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) })
    const { size } = await file.stat()
    const start = Math.max(0, size - END_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(END_BYTES), 0, END_BYTES, start)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return '' // gone, or not for us
  }
}
