import { expect, test } from 'bun:test'
import { LiveView } from '../../../src/orchestrator/live/live-view.ts'
import type { Supervisor } from '../../../src/supervisor/supervisor.ts'
import { eventually } from '../../e2e/harness.ts'
import { watchedLog } from '../watched-log.ts'
import { observed } from './observed.ts'

/** Takes every request, and never answers. */
function silentServer() {
  const open = new Set<string>()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 0,
    fetch(request) {
      const { pathname } = new URL(request.url)
      open.add(pathname)
      return new Promise(() => request.signal.addEventListener('abort', () => open.delete(pathname)))
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, open, stop: () => server.stop(true) }
}

test('the last words of a host are told, however soon after others', async () => {
  const { log } = watchedLog()
  const run = { snapshot: () => [] } as unknown as Supervisor
  const { host } = observed({ run, log, opencodeUrl: 'http://127.0.0.1:1' })
  const view = new LiveView(host, { lingerMs: 1 })
  const events = view.events({ logs: 10, signal: new AbortController().signal })
  log.info('first')
  await events.next()
  expect((await events.next()).value).toMatchObject({ event: 'log', data: { entries: [{ text: 'first' }] } })
  log.info('last')
  view.close()
  const rest = await Array.fromAsync(events)
  expect(rest.at(-1)).toMatchObject({ event: 'log', data: { entries: [{ text: 'last' }] } })
})

test('nobody is asked anything but while somebody looks', async () => {
  const services = silentServer()
  const { log } = watchedLog()
  const run = { snapshot: () => [] } as unknown as Supervisor
  const { host } = observed({ run, log, opencodeUrl: services.url })
  const view = new LiveView(host, { lingerMs: 1 })
  log.info('a line')
  expect(services.open.size).toBe(0)

  const one = new AbortController()
  const other = new AbortController()
  const events = view.events({ logs: 0, signal: one.signal })
  const others = view.events({ logs: 0, signal: other.signal })
  const { value: first } = await events.next()
  expect(await others.next()).toEqual({ done: false, value: first })
  const streams = ['/approvals/events', '/global/event']
  await eventually('what is going on is listened to', () => streams.every(path => services.open.has(path)))

  one.abort()
  await eventually('the first one has left', async () => (await events.next()).done === true)
  await eventually('the other one is told of all', () => services.open.size === 2)
  other.abort()
  await eventually('the other one has left', async () => (await others.next()).done === true)
  await eventually('nothing is listened to any more', () => services.open.size === 0)

  view.close()
  const late = view.events({ logs: 0, signal: new AbortController().signal })
  expect((await late.next()).value).toMatchObject({ event: 'snapshot', data: { health: 'stopping' } })
  expect((await late.next()).value).toEqual({ event: 'log', data: { entries: [], dropped: 0, backlogEnd: true } })
  expect((await late.next()).done).toBe(true)
  expect(services.open.size).toBe(0)
  await services.stop()
})
