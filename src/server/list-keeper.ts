import type { z } from 'zod'
import {
  type controlActivity,
  type controlAddWorkspace,
  controlNoted,
  type controlRenameWorkspace,
  controlWorkspacesChanged,
} from '../api/control.ts'
import { askServer } from '../api/request.ts'
import { type FailureCode, OpenworkError } from '../shared/errors.ts'
import type { Control } from './settings.ts'

/** A change makes the keeper write two files and ask this server to read one. */
const CHANGE_LIMIT_MS = 15_000
/** News that nobody waits for. */
const NOTE_LIMIT_MS = 4_000

/** What the keeper may have against a change: for whoever asked for it. */
const PASSED_ON: readonly FailureCode[] = [
  'workspace_not_found',
  'workspace_not_a_folder',
  'workspace_unusable',
  'workspace_limit_reached',
  'workspace_busy',
  'invalid_path',
  'disk_full',
  'daemon_state_unusable',
]

/**
 * The program that keeps the list of workspaces which the settings file shows, asked over its control server. A change is
 * in the file when it resolves. Throws `daemon_not_running` when nobody answers, what it has against the change, and
 * `daemon_state_unusable` for anything else.
 */
export class ListKeeper {
  readonly #control: Control

  constructor(control: Control) {
    this.#control = control
  }

  /** Resolves with the id that it is listed under. */
  async add(folder: z.input<typeof controlAddWorkspace>): Promise<string> {
    return (await this.#change('POST', '/workspaces', folder)).id
  }

  async rename(id: string, change: z.input<typeof controlRenameWorkspace>): Promise<void> {
    await this.#change('PATCH', `/workspaces/${encodeURIComponent(id)}`, change)
  }

  async remove(id: string, { force }: { force: boolean }): Promise<void> {
    await this.#change('DELETE', `/workspaces/${encodeURIComponent(id)}${force ? '?force=true' : ''}`)
  }

  /** Somebody begins to use a workspace. False when it could not be told. */
  async noteUse(use: z.input<typeof controlActivity>): Promise<boolean> {
    try {
      await this.#ask(NOTE_LIMIT_MS, { method: 'POST', path: '/activity', body: use }, controlNoted)
      return true
    } catch (error) {
      if (error instanceof OpenworkError) return false
      throw error
    }
  }

  async #change(method: string, path: string, body?: unknown): Promise<z.infer<typeof controlWorkspacesChanged>> {
    try {
      return await this.#ask(CHANGE_LIMIT_MS, { method, path, body }, controlWorkspacesChanged)
    } catch (error) {
      throw error instanceof OpenworkError ? asClientSees(error) : error
    }
  }

  #ask<Result>(
    timeoutMs: number,
    ask: { method: string; path: string; body?: unknown },
    reply: z.ZodType<Result>,
  ): Promise<Result> {
    const { baseUrl, token } = this.#control
    return askServer({ baseUrl, token, timeoutMs }, ask, reply)
  }
}

/** Nothing that a client could take for a refusal of its own token. */
function asClientSees(cause: OpenworkError): OpenworkError {
  if (PASSED_ON.includes(cause.code)) return new OpenworkError(cause.code, cause.message, { cause })
  if (cause.code === 'server_unreachable')
    return new OpenworkError('daemon_not_running', 'The daemon that keeps the workspaces does not answer', { cause })
  return new OpenworkError('daemon_state_unusable', `The daemon could not change its workspaces: ${cause.message}`, {
    cause,
  })
}
