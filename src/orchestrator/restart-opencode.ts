import type { OpencodeClient } from '../api/opencode-client.ts'
import type { OpenworkClientOptions } from '../api/request.ts'
import { messageOf, OpenworkError } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { pause } from '../supervisor/pause.ts'
import { serverActivity } from './server-activity.ts'

const ASK_LIMIT_MS = 1_000
/** For clients to hear of it. opencode (1.18.33) tells of a disposal a few milliseconds after it has answered. */
const TOLD_LIMIT_MS = 1_000
const TOLD_CHECK_MS = 50

/** The host's openwork-server, through which its clients come. */
type Server = Pick<OpenworkClientOptions, 'baseUrl' | 'hostToken'>

/**
 * Ends the opencode of a host and starts it again, at the same address; resolves when it is ready. Clients that are
 * connected to its events hear first that everything is disposed of: the end alone would only cut them off, and leave
 * them with what they have read before. Work in it ends: the caller knows that there is none.
 */
export async function restartOpencode(
  {
    client,
    server,
    restart,
  }: { client: Pick<OpencodeClient, 'disposeAll'>; server: Server; restart(): Promise<unknown> },
  log: Log,
): Promise<void> {
  try {
    await client.disposeAll()
    await untilTold(server)
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    log.debug('the clients of opencode could not be told of its restart', { reason: messageOf(error) })
  }
  await restart()
}

/** opencode ends the streams that it has told, but for those that are not about one folder. */
async function untilTold(server: Server): Promise<void> {
  const asked = { ...server, timeoutMs: ASK_LIMIT_MS }
  const never = new AbortController().signal
  for (const untilMs = performance.now() + TOLD_LIMIT_MS; performance.now() < untilMs; ) {
    await pause(TOLD_CHECK_MS, never)
    const { items } = await serverActivity(asked)
    if (items.every(({ listeners }) => listeners === 0)) return
  }
}
