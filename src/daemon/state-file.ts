import { copyFile, rename } from 'node:fs/promises'
import writeFileAtomic from 'write-file-atomic'
import { writing } from '../orchestrator/write-failure.ts'
import { OpenworkError, systemCode } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { readPlainFile } from '../shared/plain-file.ts'
import { type DaemonState, EMPTY_STATE, parseDaemonState } from './daemon-state.ts'

/** A thousand workspaces are a fraction of this. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * The state of a daemon that this process is: in memory and on disk, which agree. Changes are one after the other, each
 * on disk when its promise resolves; one that cannot be written did not happen.
 */
export class StateFile {
  readonly #path: string
  #state: DaemonState
  #last: Promise<unknown> = Promise.resolve()

  private constructor(path: string, state: DaemonState) {
    this.#path = path
    this.#state = state
  }

  /**
   * A file that is no state, or one of another version, is set aside and said: then there are no workspaces.
   * @throws OpenworkError daemon_state_unusable
   */
  static async open(path: string, log: Pick<Log, 'warn'>): Promise<StateFile> {
    return new StateFile(path, await readOrSetAside(path, log))
  }

  get state(): DaemonState {
    return this.#state
  }

  /** @throws OpenworkError disk_full, data_dir_unusable, and what `next` throws: then nothing has changed */
  change(next: (state: DaemonState) => DaemonState): Promise<void> {
    const turn = this.#last.then(async () => {
      const state = next(this.#state)
      if (state === this.#state) return
      await writing(this.#path, () => writeFileAtomic(this.#path, textOf(state), { mode: 0o600 }))
      this.#state = state
    })
    this.#last = turn.catch(() => {}) // its own caller is told
    return turn
  }
}

/** What a state file says, without a daemon: nothing is set aside, nothing warned of. */
export async function readDaemonState(path: string): Promise<DaemonState> {
  const text = await readState(path)
  return (text === undefined ? undefined : parseDaemonState(text)?.state) ?? EMPTY_STATE
}

const textOf = (state: DaemonState): string => `${JSON.stringify(state, null, 2)}\n`

async function readOrSetAside(path: string, log: Pick<Log, 'warn'>): Promise<DaemonState> {
  const text = await readState(path)
  if (text === undefined) return EMPTY_STATE
  const parsed = parseDaemonState(text)
  const aside = `${path}.broken`
  try {
    if (!parsed) {
      await rename(path, aside)
      log.warn('the list of workspaces could not be read and was set aside: it is empty now', { path: aside })
      return EMPTY_STATE
    }
    if (parsed.bad > 0) {
      await copyFile(path, aside)
      log.warn('entries of the list of workspaces could not be read and are left out; a copy is kept', {
        entries: parsed.bad,
        path: aside,
      })
    }
    return parsed.state
  } catch (cause) {
    throw unusable(path, cause)
  }
}

async function readState(path: string): Promise<string | undefined> {
  try {
    return await readPlainFile(path, { maxBytes: MAX_BYTES })
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw unusable(path, cause)
  }
}

const unusable = (path: string, cause: unknown): unknown =>
  systemCode(cause) === undefined
    ? cause
    : new OpenworkError('daemon_state_unusable', `Cannot read ${path} (${systemCode(cause)})`, {
        hint: 'Make it a file that you can read, or move it away: then the daemon begins with no workspaces.',
        cause,
      })
