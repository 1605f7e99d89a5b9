import { randomUUID } from 'node:crypto'
import type { FileSession } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Caller } from '../admission.ts'

const DEFAULT_TTL_MS = 15 * 60_000
const MIN_TTL_MS = 30_000
const MAX_TTL_MS = 24 * 60 * 60_000

/** Of all clients together. One more takes the place of the one that would expire first. */
const MAX_SESSIONS = 256

type Held = {
  id: string
  workspaceId: string
  createdAtMs: number
  expiresAtMs: number
  canWrite: boolean
  /** SHA-256 of the credential it was opened with. */
  tokenHash: string | undefined
}

type Open = { workspaceId: string; caller: Pick<Caller, 'actor'>; canWrite: boolean; ttlSeconds: number | undefined }

/** The file sessions of this process. Each belongs to the credential that opened it. */
export class FileSessions {
  readonly #sessions = new Map<string, Held>()

  open({ workspaceId, caller, canWrite, ttlSeconds }: Open, nowMs: number): FileSession {
    this.#makeRoom(nowMs)
    const session: Held = {
      id: randomUUID(),
      workspaceId,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs(ttlSeconds),
      canWrite,
      tokenHash: caller.actor.tokenHash,
    }
    this.#sessions.set(session.id, session)
    return shown(session, nowMs)
  }

  /** Throws `file_session_not_found` (also when expired or closed), or `forbidden` when another credential opened it. */
  require(id: string, caller: Pick<Caller, 'actor'>, nowMs: number): FileSession {
    return shown(this.#held(id, caller, nowMs), nowMs)
  }

  /** Whether such a session is open on that workspace, whoever opened it. */
  isOf(id: string, workspaceId: string): boolean {
    return this.#sessions.get(id)?.workspaceId === workspaceId
  }

  /** Throws as `require`. */
  renew(id: string, caller: Pick<Caller, 'actor'>, ttlSeconds: number | undefined, nowMs: number): FileSession {
    const session = this.#held(id, caller, nowMs)
    session.expiresAtMs = nowMs + ttlMs(ttlSeconds)
    return shown(session, nowMs)
  }

  /** Throws as `require`. */
  close(id: string, caller: Pick<Caller, 'actor'>, nowMs: number): void {
    this.#sessions.delete(this.#held(id, caller, nowMs).id)
  }

  /** Of a workspace that is published no more. */
  closeOf(workspaceId: string): void {
    for (const [id, session] of this.#sessions) if (session.workspaceId === workspaceId) this.#sessions.delete(id)
  }

  #held(id: string, caller: Pick<Caller, 'actor'>, nowMs: number): Held {
    const session = this.#sessions.get(id)
    if (!session || session.expiresAtMs <= nowMs) {
      this.#sessions.delete(id)
      throw sessionNotFound(id)
    }
    if (session.tokenHash !== caller.actor.tokenHash)
      throw new OpenworkError('forbidden', 'This file session belongs to another token')
    return session
  }

  #makeRoom(nowMs: number): void {
    for (const [id, { expiresAtMs }] of this.#sessions) if (expiresAtMs <= nowMs) this.#sessions.delete(id)
    if (this.#sessions.size < MAX_SESSIONS) return
    const [first] = [...this.#sessions.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs)
    if (first) this.#sessions.delete(first.id)
  }
}

export const sessionNotFound = (id: string): OpenworkError =>
  new OpenworkError('file_session_not_found', `No file session has the id "${id}"`, {
    hint: 'It may have expired: open a new one',
  })

const ttlMs = (seconds: number | undefined): number =>
  Math.min(MAX_TTL_MS, Math.max(MIN_TTL_MS, seconds === undefined ? DEFAULT_TTL_MS : Math.floor(seconds * 1000)))

const shown = ({ tokenHash: _, createdAtMs, expiresAtMs, ...session }: Held, nowMs: number): FileSession => ({
  ...session,
  createdAt: createdAtMs,
  expiresAt: expiresAtMs,
  ttlMs: expiresAtMs - nowMs,
})
