import { randomUUID } from 'node:crypto'
import type { ApprovalAction, ApprovalOutcome, ApprovalRequest, ApprovalResolved } from '../api/approvals.ts'
import type { Actor } from '../api/whoami.ts'
import { EventFeed } from '../http/event-feed.ts'
import { OpenworkError } from '../shared/errors.ts'
import type { AuditNote } from './audit.ts'

/** A client with more changes waiting than a person can read is stuck, or bad. */
const MAX_WAITING_PER_CREDENTIAL = 100
const MAX_WAITING = 1_000

type ApprovalPolicy = { mode: 'manual' | 'auto'; timeoutMs: number }

type ApprovalQuestion = {
  workspaceId: string
  action: ApprovalAction
  summary: string
  /** Absolute. */
  paths: readonly string[]
  actor: Actor
}

/** As the clients that watch get it. */
type ApprovalEvent = { event: 'added'; data: ApprovalRequest } | { event: 'resolved'; data: ApprovalResolved }

/** `by` is missing where nobody answered. */
type Resolution = { request: ApprovalRequest; outcome: ApprovalOutcome; by: Actor | undefined }

type Waiting = {
  request: ApprovalRequest
  settle(outcome: ApprovalOutcome, by?: Actor): void
}

/** The inbox of changes that wait for the host's yes. In memory: a request does not outlive its connection. */
export class Approvals {
  readonly #policy: ApprovalPolicy
  readonly #onResolved: (resolution: Resolution) => void
  /** Oldest first. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #feed = new EventFeed<ApprovalEvent>()

  constructor(policy: ApprovalPolicy, onResolved: (resolution: Resolution) => void) {
    this.#policy = policy
    this.#onResolved = onResolved
  }

  /**
   * Resolves when the change may be made: with the id of the question, undefined when nobody had to be asked. `signal`
   * is the requester's: aborted, the question is withdrawn. Throws `write_denied`, `requester_gone` or `too_many_approvals`.
   */
  async ask(question: ApprovalQuestion, signal: AbortSignal): Promise<string | undefined> {
    if (this.#policy.mode === 'auto') return undefined
    const id = randomUUID()
    const outcome = signal.aborted ? 'gone' : await this.#wait(id, question, signal)
    switch (outcome) {
      case 'allowed':
        return id
      case 'gone':
        throw requesterGone()
      case 'denied':
      case 'timeout':
        throw new OpenworkError(
          'write_denied',
          outcome === 'denied' ? 'The host denied this change' : 'Nobody allowed this change in time',
          { details: { requestId: id, reason: outcome } },
        )
    }
  }

  /** Oldest first. */
  list(): ApprovalRequest[] {
    return [...this.#waiting.values()].map(({ request }) => request)
  }

  /** Throws `approval_not_found` for one that is answered already, or was never asked. */
  reply(id: string, reply: 'allow' | 'deny', by: Actor): void {
    const waiting = this.#waiting.get(id)
    if (!waiting)
      throw new OpenworkError('approval_not_found', `No approval with the id "${id}" is waiting`, {
        hint: 'It may have been answered, timed out, or withdrawn',
      })
    waiting.settle(reply === 'allow' ? 'allowed' : 'denied', by)
  }

  /** What is added and resolved from now on. */
  listen(signal: AbortSignal): AsyncIterable<ApprovalEvent> {
    return this.#feed.listen(signal)
  }

  /** Denies what waits: the server ends. */
  denyAll(): void {
    for (const { settle } of [...this.#waiting.values()]) settle('denied')
  }

  #wait(id: string, question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalOutcome> {
    this.#checkRoom(question.actor)
    const createdAt = Date.now()
    const request: ApprovalRequest = {
      ...question,
      id,
      paths: [...question.paths],
      createdAt,
      expiresAt: createdAt + this.#policy.timeoutMs,
    }
    return new Promise(resolve => {
      const leave = (): void => settle('gone')
      const deadline = setTimeout(() => settle('timeout'), this.#policy.timeoutMs)
      const settle = (outcome: ApprovalOutcome, by?: Actor): void => {
        clearTimeout(deadline)
        signal.removeEventListener('abort', leave)
        this.#waiting.delete(id)
        const data = { id, workspaceId: request.workspaceId, outcome, resolvedAt: Date.now() }
        this.#feed.publish({ event: 'resolved', data })
        this.#onResolved({ request, outcome, by })
        resolve(outcome)
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiting.set(id, { request, settle })
      this.#feed.publish({ event: 'added', data: request })
    })
  }

  #checkRoom({ tokenHash }: Actor): void {
    const own = this.list().filter(({ actor }) => actor.tokenHash === tokenHash).length
    if (own < MAX_WAITING_PER_CREDENTIAL && this.#waiting.size < MAX_WAITING) return
    const ownLimit = own >= MAX_WAITING_PER_CREDENTIAL
    const limit = ownLimit ? MAX_WAITING_PER_CREDENTIAL : MAX_WAITING
    throw new OpenworkError(
      'too_many_approvals',
      `${limit} changes${ownLimit ? ' of this client' : ''} wait for approval already`,
      { details: { limit } },
    )
  }
}

/** Nobody reads it: for the log. */
export const requesterGone = (): OpenworkError =>
  new OpenworkError('requester_gone', 'Whoever asked for this change has left')

/** What the audit log says of an answer. */
export const approvalNote = ({ id, summary }: ApprovalRequest, outcome: ApprovalOutcome): AuditNote => ({
  action: `approval.${outcome}`,
  target: id,
  summary,
})
