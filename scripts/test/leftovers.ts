import { readdir, readFile, readlink } from 'node:fs/promises'

export type Leftover = { pid: number; command: string }

const POLL_MS = 50

/**
 * Processes that carry `marker` in their environment, arguments or working folder. Tests run in a temporary folder and
 * with a variable that hold it, so even a program that was given an environment of its own can be recognised.
 * Linux only: elsewhere the answer is `undefined`.
 */
export async function findLeftovers(marker: string): Promise<Leftover[] | undefined> {
  if (process.platform !== 'linux') return undefined
  const pids = (await readdir('/proc')).map(Number).filter(pid => pid > 0 && pid !== process.pid)
  const found = await Promise.all(pids.map(pid => leftover(pid, marker)))
  return found.filter(each => each !== undefined)
}

/** Those that are still there after `graceMs`: a program that was just told to stop may need a moment. */
export async function awaitLeftovers(marker: string, graceMs: number): Promise<Leftover[] | undefined> {
  const deadline = Date.now() + graceMs
  for (;;) {
    const found = await findLeftovers(marker)
    if (!found?.length || Date.now() >= deadline) return found
    await Bun.sleep(POLL_MS)
  }
}

async function leftover(pid: number, marker: string): Promise<Leftover | undefined> {
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '') // ended, or another user's
  const command = await read('cmdline') // empty for a process that has ended and waits for its parent
  if (!command) return undefined
  const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '')
  const carries = command.includes(marker) || folder.includes(marker) || (await read('environ')).includes(marker)
  return carries ? { pid, command: command.replaceAll('\0', ' ').trim() } : undefined
}
