import { z } from 'zod'
import { askServer } from '../../api/request.ts'
import { parseHostInfo } from '../../orchestrator/host-info.ts'
import { messageOf, OpenworkError } from '../../shared/errors.ts'
import type { ListedRun } from '../../supervisor/run-record.ts'
import type { Collection } from './entry.ts'
import type { KnownSecrets } from './known-secrets.ts'
import { learnAll, removeSecrets } from './remove-secrets.ts'

const ASK_LIMIT_MS = 3_000

/** What the living hosts say of themselves; and what their secrets are, those that they were started with included. */
export async function askHosts(runs: readonly ListedRun[], collection: Collection, known: KnownSecrets): Promise<void> {
  for (const { runId, alive, info } of runs) {
    const host = alive ? parseHostInfo(info) : undefined
    if (!host) continue
    const options = { ...host.control, timeoutMs: ASK_LIMIT_MS }
    const name = `hosts/${runId}.json`
    try {
      const get = (path: string) => askServer(options, { method: 'GET', path }, z.record(z.string(), z.unknown()))
      learnAll(await get('/host/credentials'), known)
      collection.add(name, withoutTalk(removeSecrets(await get('/host'), known)))
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      collection.leaveOut(name, messageOf(error))
    }
  }
}

/** Titles of sessions and what is asked for say what somebody works on: their number does. */
function withoutTalk(snapshot: unknown): object {
  const { sessions, approvals, ...rest } = snapshot as Record<string, unknown>
  const count = (list: unknown): unknown => (Array.isArray(list) ? list.length : null)
  return { ...rest, sessions: count(sessions), approvals: count(approvals) }
}
