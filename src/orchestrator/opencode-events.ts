import type { OpencodeClient, OpencodeEvent } from '../api/opencode-client.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { pause } from '../supervisor/pause.ts'

const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000

/** Kinds of events that somebody's use of opencode leads to, where others come from changed files or language servers. */
const USES = new Set(['session', 'message', 'permission', 'question', 'pty', 'todo', 'command', 'tui'])

/** The folder that somebody uses opencode in, where the event tells of that. */
export const usedIn = ({ directory, type }: OpencodeEvent): string | undefined =>
  directory !== 'global' && USES.has(type.slice(0, type.indexOf('.'))) ? directory : undefined

/**
 * Hands on every event of opencode until `signal` is aborted, connecting again for as long as it takes: opencode is
 * restarted now and then. What happens in between is not told. Never rejects.
 */
export async function followEvents(
  opencode: Pick<OpencodeClient, 'events'>,
  onEvent: (event: OpencodeEvent) => void,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS
  while (!signal.aborted) {
    try {
      for await (const event of opencode.events(signal)) {
        pauseMs = FIRST_PAUSE_MS
        onEvent(event)
      }
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      log.debug('the events of opencode are interrupted', { reason: messageOf(error) })
    }
    await pause(pauseMs, signal)
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
  }
}
