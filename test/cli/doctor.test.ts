import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { renderReport } from '../../src/cli/doctor/render-doctor.ts'
import { type Check, type Checked, runChecks } from '../../src/doctor/check.ts'
import type { Surroundings } from '../../src/doctor/surroundings.ts'
import { machineId, startTimeOf } from '../../src/supervisor/process-identity.ts'
import { runCommand } from './commands/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'openwork-doctor-test-'))
const dataDir = join(folder, 'data')
const env = {
  PATH: process.env.PATH ?? '',
  HOME: folder,
  OPENWORK_DATA_DIR: dataDir,
  LANG: 'C.UTF-8',
  OPENWORK_PORT: '0',
}

type Document = { ok: boolean; summary: Record<string, number>; checks: Record<string, unknown>[] }

async function doctor(...args: string[]): Promise<{ code: number; document: Document; stderr: string }> {
  const { code, stdout, stderr } = await runCommand(['doctor', '--json', ...args], env, folder)
  return { code, document: JSON.parse(stdout), stderr }
}

const find = ({ checks }: Document, id: string) => checks.find(check => check.id === id)

beforeAll(() => mkdirSync(dataDir, { mode: 0o700 }))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a machine that is fine has no problems, and without a network none is asked for', async () => {
  const { code, document } = await doctor('--offline')
  expect(document.checks.filter(({ status }) => status === 'problem')).toEqual([])
  expect({ code, ok: document.ok }).toEqual({ code: 0, ok: true })
  expect(find(document, 'downloads')).toMatchObject({ status: 'skipped' })
  expect(find(document, 'data-dir')).toMatchObject({ status: 'ok', fixable: false })
})

test('what is wrong and safe to put right is, and nothing else', async () => {
  const put = (path: string, content: string, mode: number): string => {
    const file = join(dataDir, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    chmodSync(file, mode)
    return file
  }
  const token = put('workspaces/ws-1/credentials.json', '{}', 0o644)
  const foreign = put('workspaces/ws-1/notes.txt', 'mine', 0o644)
  const outside = join(folder, 'outside.json')
  writeFileSync(outside, '{}')
  chmodSync(outside, 0o644)
  symlinkSync(outside, join(dataDir, 'workspaces', 'ws-1', 'tokens.json'))
  const partial = put('sidecars/downloads/opencode-linux-x64-1.0.0.release.tar.gz.part', 'half', 0o600)
  const orphan = Bun.spawn(['sleep', '600'], { detached: true })
  const record = put(
    'runs/dead.json',
    JSON.stringify({
      version: 1,
      runId: 'dead',
      nonce: 'ab'.repeat(16),
      machine: machineId(),
      owner: { pid: orphan.pid, startTime: 'of another process' },
      startedAtMs: 1,
      info: null,
      processes: [
        {
          service: 'opencode',
          pid: orphan.pid,
          startTime: await startTimeOf(orphan.pid),
          group: orphan.pid,
          marker: 'x',
        },
      ],
    }),
    0o600,
  )

  const before = await doctor('--offline')
  expect(before.document.checks.filter(({ fixable }) => fixable).map(({ id }) => id)).toEqual([
    'secrets',
    'partial-downloads',
    'runs',
  ])
  expect(find(before.document, 'runs')).toMatchObject({ details: [`still running: opencode (process ${orphan.pid})`] })
  expect([token, record, partial].every(existsSync)).toBe(true)

  const { code, document, stderr } = await doctor('--offline', '--fix')
  expect(code).toBe(0)
  for (const id of ['secrets', 'partial-downloads', 'runs'])
    expect(find(document, id)).toMatchObject({ status: 'ok', fixed: { ok: true } })
  expect(stderr).toContain(`Fixing: make ${token} private (0600)`)
  expect(statSync(token).mode & 0o777).toBe(0o600)
  expect(statSync(foreign).mode & 0o777).toBe(0o644)
  expect(statSync(outside).mode & 0o777).toBe(0o644)
  expect([record, partial].some(existsSync)).toBe(false)
  await orphan.exited
})

test('a file of others in the place of the data dir is a problem', async () => {
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  const { code, stdout } = await runCommand(['doctor', '--offline', '--data-dir', file], env, folder)
  expect(code).toBe(1)
  expect(stdout).toMatch(/✗ Data dir [^✗]* is a file/)
  expect(stdout).toMatch(/- Records of runs +not looked at: the data dir cannot be used/)
  expect(stdout).toMatch(/\n\d problems; \d+ of \d+ checks fine\.\n$/)
})

test('settings of the user that cannot be read are a problem, and where', async () => {
  mkdirSync(join(folder, '.config', 'openwork'), { recursive: true })
  writeFileSync(join(folder, '.config', 'openwork', 'config.json'), '{ "a": }')
  const { document } = await doctor('--offline')
  expect(find(document, 'user-config')).toMatchObject({
    status: 'problem',
    seen: expect.stringContaining('config.json:1:'),
  })
  rmSync(join(folder, '.config'), { recursive: true })
})

test('whoever has the port is named', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const { document } = await doctor('--offline', '--openwork-port', String(port))
  expect(find(document, 'port')?.seen).toMatch(
    process.platform === 'linux' ? new RegExp(`^${port} is used by .+ \\(process ${process.pid}\\)$`) : /is used by/,
  )
  server.close()
})

const check = (id: string, look: Check['look'], limitMs = 60_000): Check => ({
  id,
  group: 'Files',
  title: id,
  limitMs,
  look,
})

test('a check that throws, and one that never ends, end no other', async () => {
  const checks = [
    check('throws', () => Promise.reject(new Error('no such luck'))),
    check('hangs', () => new Promise(() => {}), 1),
    check('fine', async () => ({ status: 'ok', seen: 'it' })),
  ]
  const signal = new AbortController().signal
  const checked = await runChecks(checks, { isOffline: true, dataDir } as Surroundings, { signal, onChange: () => {} })
  expect(checked.map(({ finding }) => [finding.status, finding.seen])).toEqual([
    ['problem', 'this check itself failed: no such luck'],
    ['problem', 'this check itself failed: no answer within 0.001 s'],
    ['ok', 'it'],
  ])
})

test('a report is aligned and sums itself up', () => {
  const look = async () => ({ status: 'ok', seen: '' }) as const
  const checked: Checked[] = [
    { check: check('short', look), finding: { status: 'ok', seen: 'good', details: ['not worth it'] } },
    {
      check: check('longer name', look),
      finding: { status: 'problem', seen: 'bad', details: ['a detail'], means: 'No start.', todo: 'do this' },
    },
  ]
  expect(renderReport({ checked, fixed: new Map() }, { color: false, columns: 80 })).toBe(
    [
      'Files',
      '  ✓ short        good',
      '  ✗ longer name  bad',
      '                 a detail',
      '                 No start.',
      '                 → do this',
      '',
      '1 problem; 1 of 2 checks fine.',
    ].join('\n'),
  )
})
