import { expect, test } from 'bun:test'
import { Leases, MAX_LEASES } from '../../../src/daemon/instances/leases.ts'

const HOUR = { ttlMs: 3_600_000, label: '' }
const failing = (code: string) => expect.objectContaining({ code })

test('a lease holds until its time is over or it is given back', () => {
  const leases = new Leases()
  const first = leases.hold('ws-1', { ttlMs: 100, label: 'tests' }, 0)
  const second = leases.hold('ws-1', { ttlMs: 50, label: '' }, 0)
  leases.hold('ws-2', HOUR, 0)

  expect(first).toEqual({ id: expect.any(String), workspaceId: 'ws-1', label: 'tests', expiresAt: 100 })
  expect(leases.of('ws-1', 49)).toEqual([second, first])
  expect(leases.of('ws-1', 50)).toEqual([first])
  leases.release(first.id, 60)
  expect(leases.of('ws-1', 60)).toEqual([])
})

test('renewing begins the time anew, and keeps the label where none is given', () => {
  const leases = new Leases()
  const { id } = leases.hold('ws-1', { ttlMs: 100, label: 'tests' }, 0)

  expect(leases.renew(id, { ttlMs: 100, label: '' }, 90)).toMatchObject({ id, label: 'tests', expiresAt: 190 })
  expect(leases.renew(id, { ttlMs: 10, label: 'other' }, 100)).toMatchObject({ label: 'other', expiresAt: 110 })
})

test('one that is over, given back or unknown can be neither renewed nor given back', () => {
  const leases = new Leases()
  const over = leases.hold('ws-1', { ttlMs: 100, label: '' }, 0)
  const back = leases.hold('ws-1', HOUR, 0)
  leases.release(back.id, 1)
  for (const id of [over.id, back.id, 'lease-other']) {
    expect(() => leases.renew(id, HOUR, 100)).toThrow(failing('lease_not_found'))
    expect(() => leases.release(id, 100)).toThrow(failing('lease_not_found'))
  }
})

test('a workspace has so many at most, until some are over', () => {
  const leases = new Leases()
  for (let count = 0; count < MAX_LEASES; count += 1) leases.hold('ws-1', { ttlMs: 100, label: '' }, 0)

  expect(() => leases.hold('ws-1', HOUR, 99)).toThrow(failing('lease_limit_reached'))
  expect(leases.hold('ws-2', HOUR, 99).workspaceId).toBe('ws-2')
  expect(leases.hold('ws-1', HOUR, 100).workspaceId).toBe('ws-1')
  leases.forget('ws-1')
  expect(leases.of('ws-1', 100)).toEqual([])
})
