import type { ReloadTrigger } from '../../api/reload.ts'
import type { Scan } from './scan.ts'
import { type FileReason, triggerOf } from './triggers.ts'

export type Change = { reason: FileReason; trigger: ReloadTrigger }

/** What changed between two scans: one change for each reason, telling of its first item by path. */
export function changesBetween(before: Scan, after: Scan): Change[] {
  const itemsBefore = itemsOf(before)
  const itemsAfter = itemsOf(after)
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort()
  const changes = new Map<FileReason, Change>()
  for (const path of paths) {
    const [old, now] = [before.get(path), after.get(path)]
    const item = now?.item ?? old?.item
    if (!item || old?.fingerprint === now?.fingerprint || changes.has(item.reason)) continue
    const action = !itemsBefore.has(item.key) ? 'added' : itemsAfter.has(item.key) ? 'updated' : 'removed'
    changes.set(item.reason, { reason: item.reason, trigger: triggerOf(item, action, path) })
  }
  return [...changes.values()]
}

const itemsOf = (scan: Scan): ReadonlySet<string> => new Set([...scan.values()].map(({ item }) => item.key))
