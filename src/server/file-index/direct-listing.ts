import { join } from 'node:path'
import { isTemporaryName } from '../files/temporary-name.ts'
import { compareBytes } from './byte-order.ts'
import type { EntryStat } from './entry-stat.ts'
import { PageItems } from './folder.ts'
import type { Page, PageQuery } from './page.ts'
import { lookAt, statOf } from './sighting.ts'

/** How far behind a page entries are counted for its total. */
const MAX_COUNTED = 10_000

/**
 * A page of a folder that no index covers, straight from the disk. Reads the folders the page touches and counts on for
 * 10,000 entries at most: `total` is then less than there is.
 */
export async function listDirectly(root: string, query: PageQuery & { prefix: string }): Promise<Page> {
  const { prefix, after, limit, includeDirs } = query
  const page = new PageItems(limit, includeDirs)
  let total = 0
  for await (const { path, stat } of entriesAt(root, prefix, after)) {
    if (!includeDirs && stat.kind === 'dir') continue
    total += 1
    if (!page.isFull) page.add(path, stat)
    else if (total >= limit + MAX_COUNTED) break
  }
  return { items: page.items, total }
}

type Entry = { path: string; stat: EntryStat }

/** A path and all below it, in order, from behind `after`. Goes through no symbolic link. */
async function* entriesAt(root: string, path: string, after: string | undefined): AsyncGenerator<Entry> {
  const segments = path.split('/')
  for (let depth = 1; depth < segments.length; depth += 1)
    if ((await statOf(join(root, ...segments.slice(0, depth))))?.kind !== 'dir') return
  const stat = await statOf(join(root, path))
  if (!stat) return
  if (after === undefined || compareBytes(path, after) > 0) yield { path, stat }
  if (stat.kind === 'dir') yield* entriesBelow(root, path, after)
}

async function* entriesBelow(root: string, folder: string, after: string | undefined): AsyncGenerator<Entry> {
  const { self, entries } = await lookAt(join(root, folder), undefined, isTemporaryName)
  if (!self) return
  // As in `Folder`: a folder comes once by its name, and what it holds by the name with a slash.
  const places = [...entries].flatMap(([name, stat]) =>
    stat.kind === 'dir'
      ? [
          { key: name, stat },
          { key: `${name}/`, inner: name },
        ]
      : [{ key: name, stat }],
  )
  places.sort((a, b) => compareBytes(a.key, b.key))
  for (const place of places) {
    const path = `${folder}/${place.key}`
    const isBehind = after === undefined || compareBytes(path, after) > 0
    if ('stat' in place) {
      if (isBehind) yield { path, stat: place.stat }
    } else if (isBehind || after.startsWith(path)) yield* entriesBelow(root, `${folder}/${place.inner}`, after)
  }
}
