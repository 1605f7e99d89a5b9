import { expect, test } from 'bun:test'
import { type InstanceUse, planEviction } from '../../../src/daemon/instances/eviction-policy.ts'
import { seededRandom } from '../../fixtures/random.ts'

const NOW = 1_000_000
const IDLE: InstanceUse = {
  liveSinceMs: 1_000,
  lastUsedAtMs: 2_000,
  heldUntilMs: 0,
  work: 0,
  openRequests: 0,
  listeners: 0,
  leases: 0,
  isBroken: false,
  isRefused: false,
}

test('an instance is idle since it was last made, used or held, and goes when that is the timeout ago', () => {
  expect(planEviction(IDLE, 500, NOW)).toEqual({ state: 'idle', sinceMs: 2_000, evictAtMs: 2_500 })
  expect(planEviction({ ...IDLE, heldUntilMs: 3_000 }, 500, NOW)).toMatchObject({ sinceMs: 3_000 })
  expect(planEviction({ ...IDLE, liveSinceMs: 4_000 }, 500, NOW)).toMatchObject({ evictAtMs: 4_500 })
})

test('with a timeout of 0 it stays', () => {
  expect(planEviction(IDLE, 0, NOW)).toEqual({ state: 'idle', sinceMs: 2_000, evictAtMs: undefined })
})

test('after the clock was set back an instance goes one timeout from now', () => {
  expect(planEviction({ ...IDLE, lastUsedAtMs: NOW + 86_400_000 }, 500, NOW)).toMatchObject({ evictAtMs: NOW + 500 })
})

test('work, clients, leases and broken files hold an instance, whatever else is so', () => {
  const random = seededRandom(7)
  const upTo = (limit: number): number => Math.floor(random() * limit)
  for (let round = 0; round < 20_000; round += 1) {
    const use: InstanceUse = {
      liveSinceMs: upTo(5) === 0 ? undefined : upTo(2 * NOW),
      lastUsedAtMs: upTo(2 * NOW),
      heldUntilMs: upTo(2 * NOW),
      work: upTo(2),
      openRequests: upTo(2),
      listeners: upTo(2),
      leases: upTo(2),
      isBroken: upTo(4) === 0,
      isRefused: upTo(4) === 0,
    }
    const timeoutMs = upTo(3) === 0 ? 0 : 1 + upTo(NOW)
    const plan = planEviction(use, timeoutMs, NOW)
    const isFree = use.work + use.openRequests + use.listeners + use.leases === 0 && !use.isBroken && !use.isRefused

    expect(plan.state === 'none').toBe(use.liveSinceMs === undefined)
    if (plan.state === 'none') continue
    expect(plan.state === 'idle').toBe(isFree)
    expect(plan.state === 'busy').toBe(use.work + use.openRequests > 0)
    expect(plan.state === 'broken').toBe(use.isRefused && plan.state !== 'busy')
    const dueMs = plan.state === 'idle' ? plan.evictAtMs : plan.lookAtMs
    expect(dueMs === undefined).toBe(timeoutMs === 0)
    // Never sooner than one timeout after the last known use, the future ones of a wrong clock left out.
    const lastMs = Math.min(Math.max(use.lastUsedAtMs, use.liveSinceMs ?? 0), NOW)
    if (dueMs !== undefined) expect(dueMs).toBeGreaterThanOrEqual(lastMs + timeoutMs)
    if (plan.state === 'idle') expect(plan.sinceMs).toBeLessThanOrEqual(NOW)
  }
})
