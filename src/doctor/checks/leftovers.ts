import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runsFolder } from '../../orchestrator/data-dir.ts'
import { byteCount } from '../../shared/byte-count.ts'
import { unlessSystemError } from '../../shared/errors.ts'
import { removeItem } from '../../sidecars/cache/cache-gc.ts'
import { type CacheItem, listCache } from '../../sidecars/cache/cache-items.ts'
import { isSameProcess } from '../../supervisor/process-identity.ts'
import { reapDeadRuns } from '../../supervisor/reap.ts'
import { type ListedRun, listRuns } from '../../supervisor/run-record.ts'
import { type Check, type Finding, QUICK_MS } from '../check.ts'
import { walk } from '../walk.ts'

export const runs: Check = {
  id: 'runs',
  group: 'Running hosts',
  title: 'Records of runs',
  limitMs: 15_000,
  isInDataDir: true,
  async look({ dataDir }) {
    const folder = runsFolder(dataDir)
    const listed = await listRuns(folder)
    const names = (await readdir(folder).catch(unlessSystemError)) ?? []
    const finding = judgeRuns({
      living: listed.filter(({ alive }) => alive).length,
      dead: listed.filter(({ alive }) => !alive).length,
      orphans: (await Promise.all(listed.filter(({ alive }) => !alive).map(orphansOf))).flat(),
      corrupt: names.filter(name => name.endsWith('.corrupt')).length,
    })
    if (finding.status !== 'warning') return finding
    const apply = async (): Promise<string> => {
      const { killed } = await reapDeadRuns(folder)
      const ended = killed.map(({ service, pid }) => `${service} (${pid})`).join(', ')
      return `the records of dead runs are gone${ended && `, and ${ended} was ended`}`
    }
    return { ...finding, fix: { what: 'end what dead runs left running, and remove their records', apply } }
  },
}

/** What a dead run left running. A pid that another process has meanwhile is none of its. */
async function orphansOf({ processes }: ListedRun): Promise<string[]> {
  const found = processes.map(async ({ service, pid, startTime }) =>
    startTime !== null && (await isSameProcess(pid, startTime)) ? [`${service} (process ${pid})`] : [],
  )
  return (await Promise.all(found)).flat()
}

export function judgeRuns(facts: {
  living: number
  dead: number
  orphans: readonly string[]
  corrupt: number
}): Finding {
  const { living, dead, orphans, corrupt } = facts
  const hosts = living === 0 ? 'no host runs' : living === 1 ? 'one host runs' : `${living} hosts run`
  const details = corrupt === 0 ? [] : [`${corrupt} that could not be read and were set aside (*.corrupt)`]
  if (dead === 0) return { status: 'ok', seen: hosts, details }
  return {
    status: 'warning',
    seen: `${hosts}; ${dead === 1 ? 'one ended' : `${dead} ended`} without clearing up`,
    details: [...orphans.map(orphan => `still running: ${orphan}`), ...details],
    means: 'It was killed, or the machine was. The next start of the same data dir clears up after it.',
    todo: 'openwork doctor --fix',
  }
}

export const daemon: Check = {
  id: 'daemon',
  group: 'Running hosts',
  title: 'Daemon',
  limitMs: QUICK_MS,
  isInDataDir: true,
  async look({ lookAtDaemon }) {
    const { state, pid, left, fix } = await lookAtDaemon()
    if (state === 'running') return { status: 'ok', seen: `runs as process ${pid}` }
    if (state === 'starting')
      return {
        status: 'info',
        seen: `process ${pid} has its lock and does not answer yet, or not any more`,
        todo: 'If that stays so: `openwork daemon stop`.',
      }
    if (left === undefined) return { status: 'ok', seen: 'none runs' }
    return {
      status: 'warning',
      seen: `none runs, and one that was killed left ${left}`,
      means: 'The next start of a daemon clears up after it.',
      todo: 'openwork doctor --fix',
      fix,
    }
  },
}

export const downloadsLeft: Check = {
  id: 'partial-downloads',
  group: 'Files',
  title: 'Broken-off downloads',
  limitMs: QUICK_MS,
  async look({ sidecarDir, made }) {
    const items = (await listCache(sidecarDir, made)).filter(({ state, isOurs }) => state === 'partial' && isOurs)
    const finding = judgeDownloads(items)
    if (items.length === 0) return finding
    const apply = async (signal: AbortSignal): Promise<string> => {
      let removed = 0
      for (const item of items) if (await removeItem(sidecarDir, item, signal)) removed += 1
      return `removed ${removed} of ${items.length}`
    }
    return { ...finding, fix: { what: `remove ${items.map(({ path }) => path).join(', ')}`, apply } }
  },
}

export function judgeDownloads(items: readonly Pick<CacheItem, 'path' | 'bytes'>[]): Finding {
  if (items.length === 0) return { status: 'ok', seen: 'none' }
  return {
    status: 'info',
    seen: `${items.length} (${byteCount(items.reduce((sum, { bytes = 0 }) => sum + bytes, 0))})`,
    details: items.map(({ path }) => path),
    means: 'The next download of the same goes on where it was cut.',
    todo: 'openwork doctor --fix removes them.',
  }
}

/** Of hosts that nobody asks about any more. */
const OLD_MS = 30 * 24 * 60 * 60_000

export const logs: Check = {
  id: 'logs',
  group: 'Files',
  title: 'Logs',
  limitMs: QUICK_MS,
  isInDataDir: true,
  async look({ dataDir }, signal) {
    const files = (await walk(join(dataDir, 'logs'), signal)).files.filter(({ kind }) => kind === 'file')
    return judgeLogs(files, Date.now())
  },
}

export function judgeLogs(files: readonly { bytes: number; modifiedMs: number }[], nowMs: number): Finding {
  if (files.length === 0) return { status: 'ok', seen: 'none of background hosts' }
  const old = files.filter(({ modifiedMs }) => nowMs - modifiedMs > OLD_MS)
  const size = byteCount(files.reduce((sum, { bytes }) => sum + bytes, 0))
  const seen = `${files.length === 1 ? 'one file' : `${files.length} files`}, ${size}`
  if (old.length === 0) return { status: 'ok', seen }
  return {
    status: 'info',
    seen: `${seen}; ${old.length} older than 30 days`,
    todo: 'Remove those that you do not need.',
  }
}
