import { existsSync } from 'node:fs'
import { readdir, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Names in the folder that a download goes to. */
export const leftIn = async (path: string): Promise<string[]> =>
  existsSync(dirname(path)) ? (await readdir(dirname(path))).sort() : []

/** Lets nobody wait until it is as old. */
export async function makeOlder(path: string, seconds: number): Promise<void> {
  const then = Date.now() / 1_000 - seconds
  await utimes(path, then, then)
}
