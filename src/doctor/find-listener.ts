import { readdir, readFile, readlink } from 'node:fs/promises'
import { unlessSystemError } from '../shared/errors.ts'
import { linuxPids } from '../supervisor/process-group.ts'

/** The program that listens on a TCP port, as `node (process 4711)`. Linux only, and only among what we may look into. */
export async function findListener(port: number): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map(path => readFile(path, 'latin1').catch(() => '')),
  )
  const inodes = new Set(tables.flatMap(table => listeningInodes(table, port)))
  if (inodes.size === 0) return undefined
  for (const pid of linuxPids()) {
    const fds = (await readdir(`/proc/${pid}/fd`).catch(unlessSystemError)) ?? []
    const links = await Promise.all(fds.map(fd => readlink(`/proc/${pid}/fd/${fd}`).catch(unlessSystemError)))
    if (!links.some(link => inodes.has(/^socket:\[(\d+)\]$/.exec(link ?? '')?.[1] ?? ''))) continue
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
    return `${name || 'a program'} (process ${pid})`
  }
  return 'a program of another user'
}

/** Of sockets in the state LISTEN (0A) at this port, in a table as `/proc/net/tcp` is one. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    return fields[1]?.endsWith(suffix) && fields[3] === '0A' ? (fields[9] ?? []) : []
  })
}
