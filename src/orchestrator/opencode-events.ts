import type { OpencodeClient, OpencodeEvent } from '../api/opencode-client.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { pause } from '../supervisor/pause.ts'

/** What begins before we listen again is heard of late: no longer than it takes to notice. */
const PAUSE_MS = 100

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
  while (!signal.aborted) {
    try {
      for await (const event of opencode.events(signal)) onEvent(event)
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
      log.debug('the events of opencode are interrupted', { reason: messageOf(error) })
    }
    await pause(PAUSE_MS, signal)
  }
}
