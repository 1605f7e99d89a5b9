import type { ApprovalRequest } from '../../api/approvals.ts'
import type { HostService, HostSnapshot } from '../../api/host.ts'
import { bytes, count, countdown, duration, exitText, percent } from '../format.ts'
import { inert } from '../text.ts'

/** Gives each request that waits a number that is easy to type, and never to another one. */
export type Numbers = { of(id: string): number; idOf(number: number): string | undefined }

export function numbers(): Numbers {
  const ids: string[] = []
  return {
    of: id => (ids.includes(id) ? ids.indexOf(id) : ids.push(id) - 1) + 1,
    idOf: number => ids[number - 1],
  }
}

/** What is new, in sentences to be read aloud. */
export function changes(
  before: HostSnapshot | undefined,
  after: HostSnapshot,
  nowMs: number,
  numbers: Numbers,
): string[] {
  const services = after.services.filter(service => {
    const known = before?.services.find(({ name }) => name === service.name)
    return known?.state !== service.state || known.reason !== service.reason
  })
  const approvals = after.approvals ?? []
  const fresh = approvals.filter(({ id }) => !before?.approvals?.some(known => known.id === id))
  const gone = after.approvals
    ? (before?.approvals ?? []).filter(({ id }) => !approvals.some(still => still.id === id))
    : []
  return [
    ...(before?.health === after.health ? [] : [`Host: ${after.health}`]),
    ...services.map(serviceText),
    ...fresh.map(request => approvalText(request, nowMs, numbers)),
    ...gone.map(({ id }) => `Approval ${numbers.of(id)} waits no longer`),
  ]
}

function serviceText({ name, state, reason, pid }: HostService): string {
  return `${name}: ${state}${pid === undefined ? '' : `, pid ${pid}`}${reason ? `, ${inert(reason)}` : ''}`
}

export function approvalText(
  { id, actor, summary, paths, expiresAt }: ApprovalRequest,
  nowMs: number,
  numbers: Numbers,
): string {
  const number = numbers.of(id)
  const who = inert(actor.clientId ?? actor.scope ?? actor.type)
  const touched = paths.length ? ` Touches ${paths.map(inert).join(', ')}.` : ''
  return `Approval ${number}: ${inert(summary)}, asked by ${who}.${touched} Denied by itself in ${countdown(expiresAt - nowMs)}. Type "allow ${number}" or "deny ${number}".`
}

/** All that matters, for `status`. */
export function statusText(snapshot: HostSnapshot, nowMs: number): string[] {
  const { connection, services, approvals, sessions } = snapshot
  const work = (sessions ?? []).filter(({ state }) => state !== 'idle').length
  return [
    `openwork ${snapshot.version}, run ${inert(snapshot.runId)}, ${snapshot.health}, up ${duration(nowMs - snapshot.startedAt)}`,
    `Workspace: ${inert(snapshot.workspace)}`,
    ...services.map(service => statusOf(service, nowMs)),
    `Connect: ${inert(connection.connectUrl)}`,
    ...(connection.alternatives ?? []).map(url => `Or: ${inert(url)}`),
    `opencode: ${inert(connection.opencodeUrl)}`,
    `Attach: ${inert(connection.attachCommand)}`,
    approvals ? `${count(approvals.length, 'approval')} waiting` : 'Approvals: not known at the moment',
    sessions ? `${count(sessions.length, 'session')}, ${work} at work` : 'Sessions: not known at the moment',
    ...(snapshot.notices ?? []).map(notice => `Notice: ${inert(notice)}`),
  ]
}

function statusOf(service: HostService, nowMs: number): string {
  const { pid, port, startedAt, restarts, usage, version, source, exit } = service
  const isLive = pid !== undefined
  const cpu = usage?.cpuPercent.at(-1)
  const memory = usage?.memoryBytes.at(-1)
  return [
    serviceText(service),
    ...(port === undefined ? [] : [`port ${port}`]),
    ...(isLive && startedAt !== undefined ? [`up ${duration(nowMs - startedAt)}`] : []),
    count(restarts, 'restart'),
    ...(exit ? [`last run: ${exitText(exit)}`] : []),
    ...(isLive && cpu !== undefined ? [`CPU ${percent(cpu)}`] : []),
    ...(isLive && memory !== undefined ? [`memory ${bytes(memory)}`] : []),
    ...(version ? [`version ${inert(version)}`] : []),
    ...(source ? [inert(source)] : []),
  ].join(', ')
}
