import { randomUUID } from 'node:crypto'
import type { Lease } from '../../api/daemon.ts'
import { OpenworkError } from '../../shared/errors.ts'

/** Of one workspace at a time. */
export const MAX_LEASES = 64

export type LeaseWish = { ttlMs: number; label: string }

/** Who asked that a workspace's instance stays. In memory only: a lease ends with the daemon, as the instances do. */
export class Leases {
  readonly #byId = new Map<string, Lease>()

  /** @throws OpenworkError lease_limit_reached */
  hold(workspaceId: string, { ttlMs, label }: LeaseWish, nowMs: number): Lease {
    if (this.of(workspaceId, nowMs).length >= MAX_LEASES)
      throw new OpenworkError('lease_limit_reached', `This workspace has ${MAX_LEASES} leases already`, {
        hint: 'Release one: openwork instance release <lease>',
        details: { workspaceId, limit: MAX_LEASES },
      })
    const lease = { id: `lease-${randomUUID()}`, workspaceId, label, expiresAt: nowMs + ttlMs }
    this.#byId.set(lease.id, lease)
    return lease
  }

  /**
   * Begins it anew; without a label it keeps the one it has.
   * @throws OpenworkError lease_not_found
   */
  renew(id: string, { ttlMs, label }: LeaseWish, nowMs: number): Lease {
    const held = this.#require(id, nowMs)
    const lease = { ...held, label: label || held.label, expiresAt: nowMs + ttlMs }
    this.#byId.set(id, lease)
    return lease
  }

  /** @throws OpenworkError lease_not_found */
  release(id: string, nowMs: number): Lease {
    const lease = this.#require(id, nowMs)
    this.#byId.delete(id)
    return lease
  }

  /** Those that hold, the one that ends first first. */
  of(workspaceId: string, nowMs: number): Lease[] {
    this.#forgetExpired(nowMs)
    const leases = [...this.#byId.values()].filter(lease => lease.workspaceId === workspaceId)
    return leases.sort((a, b) => a.expiresAt - b.expiresAt)
  }

  forget(workspaceId: string): void {
    for (const lease of this.#byId.values()) if (lease.workspaceId === workspaceId) this.#byId.delete(lease.id)
  }

  #require(id: string, nowMs: number): Lease {
    this.#forgetExpired(nowMs)
    const lease = this.#byId.get(id)
    if (lease) return lease
    throw new OpenworkError('lease_not_found', `There is no lease "${id}", or it has ended`, {
      hint: 'Ask for a new one: openwork instance lease <workspace>',
    })
  }

  #forgetExpired(nowMs: number): void {
    for (const { id, expiresAt } of this.#byId.values()) if (expiresAt <= nowMs) this.#byId.delete(id)
  }
}
