import { compareBytes } from './byte-order.ts'
import type { EntryStat } from './entry-stat.ts'
import { type CatalogItem, type Folder, PageItems } from './folder.ts'

export type PageQuery = {
  /** This path and everything below it; everything when left out. */
  prefix?: string | undefined
  /** Only what comes behind this path, which need not exist. */
  after?: string | undefined
  limit: number
  includeDirs: boolean
}

export type Page = {
  items: CatalogItem[]
  /** What matches behind `after`, on this page and beyond. */
  total: number
}

/**
 * One page of a catalog: a range of the ordered paths, so that following `after` neither repeats nor skips anything
 * that stays, whatever comes and goes in between.
 */
export function pageOf(root: Folder, { prefix, after, limit, includeDirs }: PageQuery): Page {
  const page = new PageItems(limit, includeDirs)
  const start = prefix === undefined ? { stat: undefined, folder: root } : find(root, prefix)
  let total = 0
  const isListed = start.stat && (includeDirs || start.stat.kind === 'file')
  if (prefix !== undefined && start.stat && isListed && (after === undefined || compareBytes(prefix, after) > 0)) {
    total += 1
    page.add(prefix, start.stat)
  }
  if (!start.folder) return { items: page.items, total }

  const base = prefix === undefined ? '' : `${prefix}/`
  if (after === undefined || (!after.startsWith(base) && compareBytes(after, base) < 0)) {
    start.folder.fill(page, base, undefined)
    total += start.folder.count(includeDirs)
  } else if (after.startsWith(base)) {
    const rest = after.slice(base.length)
    start.folder.fill(page, base, rest)
    total += start.folder.countAfter(rest, includeDirs)
  }
  return { items: page.items, total }
}

/** What is at a path: a file's stat, or a folder with its own. */
function find(root: Folder, path: string): { stat: EntryStat | undefined; folder: Folder | undefined } {
  const segments = path.split('/')
  const name = segments.pop() ?? ''
  const parent = segments.reduce<Folder | undefined>((folder, segment) => folder?.folder(segment), root)
  const folder = parent?.folder(name)
  return { stat: folder?.stat ?? parent?.file(name)?.stat, folder }
}
