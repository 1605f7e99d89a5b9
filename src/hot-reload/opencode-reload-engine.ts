import type { EngineWork } from '../api/hot-reload.ts'
import type { OpencodeClient, OpencodeEvent } from '../api/opencode-client.ts'
import { OpenworkError } from '../shared/errors.ts'
import { pause } from '../supervisor/pause.ts'
import { NO_WORK, together } from './engine-work.ts'
import { type Hold, isIdle, type ReloadEngine } from './reload-engine.ts'

const RECONNECT_MS = 1_000
const FRESH_MS = 50
/** A machine on which every answer takes longer must have its reloads too. */
const FRESH_TRIES = 5
/** Directories; each is four requests. */
const ASKED_AT_ONCE = 8

export type OpencodeReloadEngineOptions = {
  /** Those that have an instance, or may have one. */
  directories(): readonly string[]
  /** Starts opencode anew; resolves when it is ready. */
  restart(): Promise<void>
  /** False for one in which nobody has opened a terminal: they are dear to ask for. Unless given, any may have some. */
  mayHaveTerminals?: (directory: string) => boolean
  /** Unless given nobody is held up, and a prompt that comes with a reload may be cut. */
  hold?: Hold
}

/**
 * Reloads through opencode's API. A directory is one to opencode by its spelling: an instance of a folder below it, or of
 * the same folder by another name, is another one, with work of its own that is not seen and not ended here.
 */
export const reloadEngine = (
  client: OpencodeClient,
  { directories, restart, mayHaveTerminals = () => true, hold = async () => undefined }: OpencodeReloadEngineOptions,
): ReloadEngine => {
  const workIn: WorkIn = directory => client.work(directory, { terminals: mayHaveTerminals(directory) })
  return {
    work: directory => fresh(() => workIn(directory)),
    allWork: () => fresh(() => workOf(workIn, directories())),
    async dispose(directory) {
      if (await client.dispose(directory)) return
      throw new OpenworkError('opencode_invalid_answer', `opencode did not dispose of its instance of ${directory}`)
    },
    served: directory => client.served(directory),
    restart,
    hold,
    onIdle(signal, listener) {
      void listen(client, signal, listener)
    },
  }
}

type WorkIn = (directory: string) => Promise<EngineWork>

/**
 * The first prompt of an instance keeps opencode so busy (1.18.33, seen for a second) that an answer from before it, that
 * nothing is at work, arrives when the prompt is well under way. So only an answer that came quickly counts.
 */
async function fresh(ask: () => Promise<EngineWork>): Promise<EngineWork> {
  for (let tries = 1; ; tries += 1) {
    const askedMs = performance.now()
    const work = await ask()
    if (!isIdle(work) || performance.now() - askedMs < FRESH_MS || tries === FRESH_TRIES) return work
  }
}

async function workOf(workIn: WorkIn, directories: readonly string[]): Promise<EngineWork> {
  const all = [...new Set(directories)]
  const works: EngineWork[] = []
  while (all.length > 0)
    works.push(...(await Promise.all(all.splice(0, ASKED_AT_ONCE).map(directory => workOrNone(workIn, directory)))))
  return together(works)
}

/** Nothing can run in a directory that opencode refuses. */
async function workOrNone(workIn: WorkIn, directory: string): Promise<EngineWork> {
  try {
    return await workIn(directory)
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'opencode_config_invalid') return NO_WORK
    throw error
  }
}

/** Connects anew when the stream ends: opencode was restarted, or was not there yet. */
async function listen(
  client: OpencodeClient,
  signal: AbortSignal,
  listener: (directory: string | undefined) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of client.events(signal)) if (mayEndWork(event)) listener(event.directory)
    } catch (error) {
      if (!(error instanceof OpenworkError)) throw error
    }
    await pause(RECONNECT_MS, signal)
  }
}

const ENDINGS =
  /^(?:session\.(?:idle|error|deleted)|permission\.|question\.|pty\.(?:exited|deleted)|server\.(?:connected|instance\.disposed)|global\.disposed)/

/** Of any number of events of a streaming answer, few do. What ended while nobody listened shows at `server.connected`. */
function mayEndWork({ type, properties }: OpencodeEvent): boolean {
  if (type !== 'session.status') return ENDINGS.test(type)
  const { status } = properties
  return typeof status === 'object' && status !== null && 'type' in status && status.type === 'idle'
}
