import { readdir, readFile, readlink } from 'node:fs/promises'
import { unlessSystemError } from '../shared/errors.ts'
import { linuxPids } from '../supervisor/process-group.ts'

/** How many instances and watches the processes that we may look into have: in the main our user's, whose limits they are. */
export async function countInotify(signal: AbortSignal): Promise<{ instances: number; watches: number }> {
  let [instances, watches] = [0, 0]
  for (const pid of linuxPids()) {
    signal.throwIfAborted()
    // A process that ended meanwhile, or is another user's.
    const fds = (await readdir(`/proc/${pid}/fd`).catch(unlessSystemError)) ?? []
    const links = await Promise.all(fds.map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(unlessSystemError)))
    for (const [at, fd] of fds.entries()) {
      if (links[at] !== 'anon_inode:inotify') continue
      instances += 1
      const info = (await readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1').catch(unlessSystemError)) ?? ''
      watches += info.split('\n').filter(line => line.startsWith('inotify wd:')).length
    }
  }
  return { instances, watches }
}
