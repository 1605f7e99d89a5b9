import { readlinkSync } from 'node:fs'
import { askServer } from '../api/request.ts'
import { runtimeVersions } from '../api/runtime.ts'
import { type LocalHost, listLocalHosts } from '../orchestrator/local-hosts.ts'
import { OpenworkError } from '../shared/errors.ts'
import { type InUse, realPathOf } from '../sidecars/cache/cache-gc.ts'
import { linuxPids } from '../supervisor/process-group.ts'

const ASK_LIMIT_MS = 5_000

/**
 * Which programs the running hosts of a data dir use, also ones that are being restarted right now. On Linux, everything
 * else that runs on this machine as well: another data dir may share the cache.
 */
export async function findInUse(dataDir: string): Promise<InUse> {
  const paths = new Set([process.execPath, ...runningPrograms()])
  const silent: string[] = []
  for (const host of await listLocalHosts(dataDir)) {
    const used = await programsOf(host)
    if (used === undefined) silent.push(host.workspace)
    for (const path of used ?? []) paths.add(await realPathOf(path))
  }
  return { paths, silent }
}

/** Undefined when it does not answer, or when its tokens are not the ones we know. */
async function programsOf({ baseUrl, credentials }: LocalHost): Promise<string[] | undefined> {
  if (credentials === undefined) return undefined
  try {
    const options = { baseUrl, token: credentials.token, timeoutMs: ASK_LIMIT_MS }
    const { services } = await askServer(options, { method: 'GET', path: '/runtime/versions' }, runtimeVersions)
    return services.flatMap(({ path }) => path ?? [])
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return undefined
  }
}

/** Those of other users cannot be seen. */
const runningPrograms = (): string[] =>
  (process.platform === 'linux' ? linuxPids() : []).flatMap(pid => {
    try {
      return [readlinkSync(`/proc/${pid}/exe`)]
    } catch {
      return [] // ended meanwhile, hidden from us, or a thread of the kernel
    }
  })
