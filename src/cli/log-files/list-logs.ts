import { lstat, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { unlessSystemError } from '../../shared/errors.ts'

/** The log of a host, in one file or several. */
export type KeptLog = {
  runId: string
  /** What is written last. */
  path: string
  /** All its files, the newest first: rotated ones have `.1`, `.2`, … added. */
  parts: readonly string[]
  writtenAtMs: number
}

/** The logs in a folder, the last written first; none where it cannot be read. */
export async function listLogs(folder: string): Promise<KeptLog[]> {
  const names = (await readdir(folder).catch(unlessSystemError)) ?? []
  const logs = await Promise.all(names.filter(name => name.endsWith('.log')).map(name => keptLog(folder, name, names)))
  return logs.flatMap(log => log ?? []).sort((a, b) => b.writtenAtMs - a.writtenAtMs)
}

async function keptLog(folder: string, name: string, names: readonly string[]): Promise<KeptLog | undefined> {
  const path = join(folder, name)
  const found = await lstat(path).catch(unlessSystemError) // it may be rotated away meanwhile
  if (!found?.isFile()) return undefined
  const ageOf = (part: string): number => Number(part.slice(name.length + 1))
  const older = names.filter(part => part.startsWith(`${name}.`) && Number.isInteger(ageOf(part)) && ageOf(part) > 0)
  const parts = [name, ...older.sort((a, b) => ageOf(a) - ageOf(b))].map(part => join(folder, part))
  return { runId: basename(name, '.log'), path, parts, writtenAtMs: found.mtimeMs }
}
