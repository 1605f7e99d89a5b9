import type { Workspace } from '../api/workspaces.ts'
import type { OpenStreams } from '../http/open-streams.ts'
import { OpenworkError } from '../shared/errors.ts'

/** Beyond these whoever comes is told to come again. */
const MAX_WAITING = 200
const RETRY_AFTER_MS = 1_000

type Hold = {
  /** Undefined: all of this machine. */
  workspaceIds: ReadonlySet<string> | undefined
  ended: Promise<void>
  end(): void
}

type Waiting = { signal: AbortSignal; streams: OpenStreams }

/**
 * Times in which new requests for a workspace's opencode wait, so that its instance can be ended without ending work that
 * begins at that very moment. What was passed on before goes on, event streams with it.
 */
export class OpencodeHolds {
  readonly #holds = new Map<string, Hold>()
  #waiting = 0

  /** Asked before each request: nothing waits, and nothing has to. */
  get isEmpty(): boolean {
    return this.#holds.size === 0
  }

  holds(workspace: Workspace): boolean {
    return this.#of(workspace) !== undefined
  }

  /** Ends by itself after `ttlMs`: whoever asked for it may be gone. */
  begin(workspaceIds: ReadonlySet<string> | undefined, ttlMs: number): { id: string; expiresAt: number } {
    const id = crypto.randomUUID()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const timer = setTimeout(() => this.end(id), ttlMs)
    timer.unref()
    this.#holds.set(id, {
      workspaceIds,
      ended,
      end: () => {
        clearTimeout(timer)
        end()
      },
    })
    return { id, expiresAt: Date.now() + ttlMs }
  }

  /** Whether it had not ended yet. */
  end(id: string): boolean {
    const hold = this.#holds.get(id)
    this.#holds.delete(id)
    hold?.end()
    return hold !== undefined
  }

  /**
   * Resolves when nothing holds the workspace, in the order of the calls; with false when the client, the workspace or
   * this server is gone before. Throws `opencode_unreachable` when too many wait.
   */
  async pass(workspace: Workspace, { signal, streams }: Waiting): Promise<boolean> {
    for (let hold = this.#of(workspace); hold; hold = this.#of(workspace)) {
      if (this.#waiting >= MAX_WAITING) throw tooMany()
      if (signal.aborted) return false
      const { promise: stopped, resolve } = Promise.withResolvers<'stopped'>()
      const stop = (): void => resolve('stopped')
      signal.addEventListener('abort', stop, { once: true })
      const forget = streams.add(stop, workspace.id)
      this.#waiting += 1
      const how = await Promise.race([hold.ended, stopped])
      this.#waiting -= 1
      forget()
      signal.removeEventListener('abort', stop)
      if (how === 'stopped') return false
    }
    return true
  }

  #of({ id, workspaceType }: Workspace): Hold | undefined {
    for (const hold of this.#holds.values())
      if (hold.workspaceIds ? hold.workspaceIds.has(id) : workspaceType === 'local') return hold
    return undefined
  }
}

const tooMany = (): OpenworkError =>
  new OpenworkError('opencode_unreachable', 'opencode is being reloaded, and too many requests wait for it already', {
    details: { reason: 'held', retryAfterMs: RETRY_AFTER_MS },
  })
