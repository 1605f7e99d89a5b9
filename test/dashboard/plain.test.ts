import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import type { DashboardOptions } from '../../src/dashboard/run-dashboard.ts'
import { runDashboard } from '../../src/dashboard/run-dashboard.ts'
import { OpenworkError } from '../../src/shared/errors.ts'
import { ScriptedSource } from '../fixtures/dashboard/scripted-source.ts'
import { approval, PAIRING_URL, SECRETS, session, snapshot } from '../fixtures/dashboard/snapshot.ts'

/** Plain mode over streams: what is said until a text comes, and what is typed. */
function openPlain(
  role: DashboardOptions['role'],
  more: Parameters<typeof snapshot>[1] = {},
  release?: DashboardOptions['release'],
) {
  const now = Date.now()
  const source = new ScriptedSource(snapshot(now, more))
  const stdin = new PassThrough()
  const stdout = new PassThrough({ encoding: 'utf8' })
  const aborter = new AbortController()
  let said = ''
  const waiting = new Set<() => void>()
  stdout.on('data', text => {
    said += text
    for (const look of waiting) look()
  })
  const end = runDashboard({
    source,
    role,
    ...(release && { release }),
    color: true,
    isPlain: true,
    stdin,
    stdout,
    env: {},
    cwd: '/',
    signal: aborter.signal,
  })
  return {
    now,
    source,
    end,
    abort: () => aborter.abort(),
    said: () => said,
    async types(line: string, answer: string): Promise<void> {
      const before = said.length
      stdin.write(`${line}\n`)
      await this.says(answer, before)
    },
    says: (text: string, from = 0) =>
      new Promise<void>(resolve => {
        const look = () => {
          if (!said.slice(from).includes(text)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
  }
}

test('plain mode tells what changes in lines, and takes commands', async () => {
  const plain = openPlain('owner', { notices: ['Port 8787 is taken'] })
  const { source, now } = plain
  await plain.says('opencode: ready, pid 4711')
  await plain.types('frobnicate', '"frobnicate" is not a command')
  await plain.types('help', 'allow <number>: allow a request')
  await plain.types('status', 'Notice: ')
  for (const each of [
    /opencode: ready, pid 4711, port 4096, up 3m 2\ds, 0 restarts, CPU 3\.2%, memory 204 MB, version 1\.18\.33, bundled/,
    /opencode: http:\/\/127\.0\.0\.1:4096/,
    /Notice: Port 8787 is taken/,
  ])
    expect(plain.said()).toMatch(each)
  source.emit({ type: 'snapshot', snapshot: snapshot(now, { approvals: [approval('r1', now), approval('r2', now)] }) })
  await plain.says('Approval 2: Write notes/todo.md, asked by phone of Ada')
  await plain.types('deny 1', 'Denied')
  await plain.types('allow 2', 'Allowed')
  await plain.types('allow 7', 'There is no approval 7.')
  source.emit({
    type: 'log',
    dropped: 0,
    entries: (['info', 'error'] as const).map((level, seq) => ({
      seq,
      atMs: now,
      service: 'opencode',
      level,
      text: `${level}\x1b[2J line`,
    })),
  })
  await plain.says('[opencode] error: error line')
  expect(plain.said()).not.toContain('info line')
  source.emit({ type: 'connection', state: 'lost', reason: 'nobody answers' })
  await plain.says('Connection lost: nobody answers')
  await plain.types('restart opencode', 'opencode was restarted')
  await plain.types('pair', PAIRING_URL)
  await plain.types('detach', '')
  expect(await plain.end).toEqual({ how: 'detached' })
  expect(source.calls.slice(0, 2)).toEqual([
    { call: 'reply', value: { id: 'r1', reply: 'deny' } },
    { call: 'reply', value: { id: 'r2', reply: 'allow' } },
  ])
  expect(plain.said()).not.toMatch(/\x1b/)
  for (const secret of Object.values(SECRETS)) expect(plain.said()).not.toContain(secret)
})

test('plain mode asks before it ends work, and leaves when it is told to', async () => {
  const busy = { sessions: [session('a', 0, { state: 'busy', title: 'Long job' })] }
  const owner = openPlain('owner', busy)
  await owner.types('restart opencode', '1 session at work would be ended: Long job (busy). Type "restart opencode"')
  await owner.types('restart openwork-server', 'openwork-server was restarted')
  await owner.types('reload', 'Type "reload" again')
  await owner.types('reload', 'Reloaded')
  await owner.types('quit', 'Long job (busy). Type "quit" again')
  await owner.types('status', '1 at work')
  await owner.types('stop', 'Type "stop" again')
  await owner.types('stop', '')
  expect(await owner.end).toEqual({ how: 'left' })
  expect(owner.source.calls.filter(({ call }) => call !== 'reload')).toEqual([
    { call: 'restart', value: { name: 'opencode', force: false } },
    { call: 'restart', value: { name: 'openwork-server', force: false } },
    ...Array(2).fill({ call: 'stop', value: { force: false } }),
  ])

  const idle = openPlain('owner')
  await idle.types('quit', '')
  expect(await idle.end).toEqual({ how: 'left' })
  expect(idle.source.calls).toEqual([{ call: 'stop', value: { force: false } }])

  const guest = openPlain('guest')
  await guest.types('stop', 'Everything that it runs is stopped. Type "stop" again')
  guest.source.emit({ type: 'snapshot', snapshot: { ...snapshot(guest.now), health: 'stopping' } })
  guest.source.emit({ type: 'connection', state: 'lost', reason: 'the host is stopping' })
  await guest.types('stop', '')
  expect(await guest.end).toEqual({ how: 'ended' })
  expect(guest.said()).not.toContain('Connection lost')

  const aborted = openPlain('guest')
  aborted.abort()
  expect(await aborted.end).toEqual({ how: 'aborted' })
})

test('who detaches stays until the host goes on without them', async () => {
  let asked = 0
  const plain = openPlain('owner', {}, async () => {
    if (++asked === 1) throw new OpenworkError('server_unreachable', 'The host does not answer')
  })
  await plain.says('opencode: ready, pid 4711')
  await plain.types('detach', 'Not detached: The host does not answer')
  await plain.types('detach', '')
  expect(await plain.end).toEqual({ how: 'detached' })
  expect(asked).toBe(2)
})
