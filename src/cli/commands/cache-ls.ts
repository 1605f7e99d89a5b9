import { relative } from 'node:path'
import { byteCount } from '../../shared/byte-count.ts'
import type { CacheItem } from '../../sidecars/cache/cache-items.ts'
import { ago } from '../ago.ts'
import { cacheDirOf } from '../flags/sidecar-flags.ts'
import { defineCommand } from '../kit/define.ts'
import { renderTable } from '../text-table.ts'
import { cacheFlags, MADE } from './cache-place.ts'

export const cacheLs = defineCommand({
  path: 'cache ls',
  aliases: ['cache list'],
  summary: 'What the cache of binaries holds',
  description:
    'States: `current` is what this openwork was made with, `old` is of another version, `damaged` has not the size it ' +
    'must have, `unverified` has no record of what it must be, `partial` was left by a download that was broken off, ' +
    '`busy` is of one that goes on, `unknown` is not of openwork. Only sizes are looked at here: `openwork cache verify` ' +
    'reads every byte.',
  examples: [{ command: 'openwork cache ls', does: 'builds, what is left of downloads, and their sizes' }],
  flags: cacheFlags,
  async run(values, { output }) {
    const { listCache } = await import('../../sidecars/cache/cache-items.ts')
    const dir = cacheDirOf(values)
    const items = await listCache(dir, MADE)
    const totalBytes = items.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
    output.result({ ok: true, dir, totalBytes, items: items.map(itemDocument) }, () =>
      items.length === 0 ? `Nothing in ${dir}` : renderItems(dir, items, totalBytes),
    )
  },
})

/** An item as JSON shows it. */
export const itemDocument = ({ kind, state, path, version, target, bytes, modifiedMs, problem }: CacheItem) => ({
  kind,
  state,
  version,
  target,
  path,
  bytes,
  modifiedAt: modifiedMs,
  problem,
})

function renderItems(dir: string, items: readonly CacheItem[], totalBytes: number): string {
  const table = renderTable(
    ['STATE', 'VERSION', 'TARGET', 'SIZE', 'AGE', 'PATH'],
    items.map(({ state, version, target, bytes, modifiedMs, path, problem }) => [
      state,
      version ?? '-',
      target ?? '-',
      bytes === undefined ? '-' : byteCount(bytes),
      ago(modifiedMs, Date.now()),
      relative(dir, path) + (problem ? ` (${problem})` : ''),
    ]),
  )
  return `${table}\n${byteCount(totalBytes)} in ${dir}`
}
