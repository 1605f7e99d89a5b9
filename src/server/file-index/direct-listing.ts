import { join } from 'node:path'
import { isTemporaryName } from '../files/temporary-name.ts'
import { compareBytes } from './byte-order.ts'
import type { EntryStat } from './entry-stat.ts'
import { PageItems } from './folder.ts'
import type { Page, PageQuery } from './page.ts'
import { lookAt } from './sighting.ts'

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

/** A path and all below it, in order, from behind `after`. */
async function* entriesAt(root: string, path: string, after: string | undefined): AsyncGenerator<Entry> {
  const segments = path.split('/')
  let folder = root
  let stat: EntryStat | undefined
  for (const segment of segments) {
    stat = (await lookInto(folder, stat, new Set([segment])))?.get(segment)
    folder = join(folder, segment)
  }
  if (!stat) return
  if (after === undefined || compareBytes(path, after) > 0) yield { path, stat }
  if (stat.kind === 'dir') yield* entriesBelow(root, { path, stat }, after)
}

/** Of the folder that was seen, and of no other that a link has put in its place. */
async function lookInto(
  path: string,
  seen: EntryStat | undefined,
  names?: ReadonlySet<string>,
): Promise<ReadonlyMap<string, EntryStat> | undefined> {
  const { self, entries } = await lookAt(path, names, isTemporaryName)
  return self && (seen === undefined || self.ino === seen.ino) ? entries : undefined
}

async function* entriesBelow(root: string, folder: Entry, after: string | undefined): AsyncGenerator<Entry> {
  const entries = await lookInto(join(root, folder.path), folder.stat)
  if (!entries) return
  // As in `Folder`: a folder comes once by its name, and what it holds by the name with a slash.
  const places = [...entries].flatMap(([name, stat]) => {
    const own = { key: name, name, stat, isContent: false }
    return stat.kind === 'dir' ? [own, { ...own, key: `${name}/`, isContent: true }] : [own]
  })
  places.sort((a, b) => compareBytes(a.key, b.key))
  for (const { key, name, stat, isContent } of places) {
    const place = `${folder.path}/${key}`
    const isBehind = after === undefined || compareBytes(place, after) > 0
    const path = `${folder.path}/${name}`
    if (!isContent && isBehind) yield { path, stat }
    if (isContent && (isBehind || after.startsWith(place))) yield* entriesBelow(root, { path, stat }, after)
  }
}
