import type { z } from 'zod'
import type { opencodePath } from './daemon.ts'
import type { EngineWork, Inventory } from './hot-reload.ts'

/** An event of opencode's `/global/event`. Some concern no directory. */
export type OpencodeEvent = {
  directory: string | undefined
  type: string
  properties: Readonly<Record<string, unknown>>
}

/**
 * The calls of opencode (1.18.33) that we make. Asking about a directory makes its instance where there is none, so ask
 * only about those that have one, or should. Every call has a time limit, and throws `opencode_unreachable`,
 * `opencode_invalid_answer`, or `opencode_config_invalid` for a directory whose config opencode refuses: 1.18.33 refuses it
 * until it is started anew, whatever the files say later.
 */
export type OpencodeClient = {
  isHealthy(limitMs?: number): Promise<boolean>
  /** Sessions at work, questions and permissions that wait, terminals that run. */
  work(directory: string): Promise<EngineWork>
  /** opencode's answer. Ends what runs there. */
  dispose(directory: string): Promise<boolean>
  inventory(directory: string): Promise<Inventory>
  path(directory: string): Promise<z.infer<typeof opencodePath>>
  /** Those of all directories, until `signal` is aborted; throws when the stream ends. */
  events(signal: AbortSignal): AsyncGenerator<OpencodeEvent>
}
