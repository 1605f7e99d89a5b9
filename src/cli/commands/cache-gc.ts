import { relative } from 'node:path'
import { byteCount } from '../../shared/byte-count.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { GcChoice } from '../../sidecars/cache/cache-gc.ts'
import { cacheDirOf } from '../flags/sidecar-flags.ts'
import { interruptible } from '../interruptible.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'
import { renderTable } from '../text-table.ts'
import { itemDocument } from './cache-ls.ts'
import { cacheFlags, MADE } from './cache-place.ts'

export const cacheGc = defineCommand({
  path: 'cache gc',
  summary: 'Remove from the cache what this version does not need',
  description:
    'Goes: builds of other versions, damaged ones, and what broken-off downloads left. Stays: the newest build of another ' +
    'version, because an upgrade may have to go back to it, and builds that nobody knows; --all removes both. Stays ' +
    'in any case: what this version runs, what a download is writing, every build that a running host uses, and whatever ' +
    'lies where openwork puts nothing.',
  examples: [
    { command: 'openwork cache gc --dry-run', does: 'see what would go' },
    { command: 'openwork cache gc --all', does: 'keep only what this version runs' },
  ],
  flags: {
    ...cacheFlags,
    all: bool({ perCall: true, default: false, summary: 'Also the version before, and builds that nobody knows' }),
    dryRun: bool({ perCall: true, default: false, summary: 'Remove nothing, say what would go' }),
  },
  async run({ all, dryRun, ...values }, { output }) {
    const [{ isCache, listCache }, { planGc, realPathOf, removeItem }, { findInUse }] = await Promise.all([
      import('../../sidecars/cache/cache-items.ts'),
      import('../../sidecars/cache/cache-gc.ts'),
      import('../in-use.ts'),
    ])
    // Programs are known by their real paths. Below the folder itself no link is followed.
    const dir = await realPathOf(cacheDirOf(values))
    const found = await listCache(dir, MADE)
    if (!(await isCache(dir, found)))
      throw new OpenworkError(
        'invalid_value',
        `${dir} is no cache of openwork: nothing there is of openwork's making`,
        {
          hint: 'Nothing was removed. Name the folder that --sidecar-dir names for `openwork start`, or leave it out.',
        },
      )
    const choices = planGc(found, { all, inUse: await findInUse(values.dataDir) })
    const outcomes = await interruptible('what was not removed yet is still there', async signal => {
      const done: Outcome[] = []
      for (const choice of choices) {
        signal.throwIfAborted()
        done.push({ ...choice, ...(choice.remove && !dryRun ? await carryOut(dir, choice, removeItem, signal) : {}) })
      }
      return done
    })
    const freedBytes = outcomes.reduce((sum, { item, remove }) => sum + (remove ? (item.bytes ?? 0) : 0), 0)
    const failed = outcomes.filter(({ failed }) => failed)
    const items = outcomes.map(({ item, remove, reason }) => ({ ...itemDocument(item), removed: remove, reason }))
    output.result({ ok: failed.length === 0, dir, dryRun, freedBytes, items }, () =>
      render(dir, outcomes, { dryRun, freedBytes }),
    )
    return failed.length === 0 ? 0 : 4
  },
})

type Outcome = GcChoice & { failed?: true }
type RemoveItem = typeof import('../../sidecars/cache/cache-gc.ts').removeItem

/** One that cannot be removed does not keep the others. */
async function carryOut(
  dir: string,
  { item }: GcChoice,
  remove: RemoveItem,
  signal: AbortSignal,
): Promise<Partial<Outcome>> {
  try {
    return (await remove(dir, item, signal)) ? {} : { remove: false, reason: 'a download has just begun' }
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return { remove: false, reason: `not removed: ${messageOf(error.cause ?? error)}`, failed: true }
  }
}

function render(
  dir: string,
  outcomes: readonly Outcome[],
  { dryRun, freedBytes }: { dryRun: boolean; freedBytes: number },
): string {
  const verb = dryRun ? 'would go' : 'removed'
  const table = renderTable(
    ['', 'SIZE', 'PATH', 'WHY'],
    outcomes.map(({ item, remove, reason }) => [
      remove ? verb : 'stays',
      item.bytes === undefined ? '-' : byteCount(item.bytes),
      relative(dir, item.path),
      reason,
    ]),
  )
  const total = dryRun ? `${byteCount(freedBytes)} would be freed` : `${byteCount(freedBytes)} freed`
  return outcomes.length === 0 ? `Nothing in ${dir}` : `${table}\n${total} in ${dir}`
}
