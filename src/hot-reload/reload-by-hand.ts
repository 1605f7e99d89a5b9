import type { EngineWork } from '../api/hot-reload.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { Look } from './file-watch.ts'
import { isRefused } from './refusal.ts'
import { isIdle, type ReloadEngine } from './reload-engine.ts'
import type { ReloadHold } from './reload-hold.ts'
import type { Extent } from './reload-policy.ts'
import { renderProblem, renderWork } from './reload-text.ts'

export type ReloadByHand = { directory: string; look: Look; force: boolean; engine: ReloadEngine; hold: ReloadHold }

/**
 * What a reload by hand reaches. A restart would end the work of others too: that is not for one directory to force.
 *
 * @throws OpenworkError workspace_busy for work that would end with it, unless that is to be forced; as `ReloadEngine`
 */
export async function findExtent({ directory, look, force, engine, hold }: ReloadByHand): Promise<Extent> {
  const own = await hold.workOf(directory, () => engine.work(directory), { always: force }).catch(noneIfStuck)
  if (own && !force && !isIdle(own)) throw busy(directory, own)
  if (own && !look.needsRestart) return 'instance'
  const all = await hold.workOf(undefined, () => engine.allWork(), { always: force })
  if (isIdle(all) || (own && force && isIdle(without(all, own)))) return 'engine'
  if (own) return 'instance'
  throw busy('opencode, which must be started anew for this,', all)
}

/** @throws OpenworkError opencode_config_invalid (details `problems`) for files that opencode could not read */
export function requireReadable(directory: string, { problems }: Look): void {
  if (problems.length === 0) return
  throw new OpenworkError(
    'opencode_config_invalid',
    { head: `opencode could not read ${directory}`, parts: problems.map(renderProblem) },
    { hint: 'Nothing was reloaded; correct this first', details: { problems } },
  )
}

function noneIfStuck(error: unknown): undefined {
  if (!isRefused(error)) throw error
}

const busy = (who: string, work: EngineWork): OpenworkError =>
  new OpenworkError('workspace_busy', `${who} is at work: ${renderWork(work)}`, {
    hint: 'Wait until that has ended; --force ends it',
    details: { work },
  })

const without = (all: EngineWork, own: EngineWork): EngineWork => ({
  sessions: all.sessions.filter(id => !own.sessions.includes(id)),
  permissions: all.permissions.filter(id => !own.permissions.includes(id)),
  questions: all.questions.filter(id => !own.questions.includes(id)),
  terminals: all.terminals.filter(id => !own.terminals.includes(id)),
  requests: Math.max(0, (all.requests ?? 0) - (own.requests ?? 0)),
})
