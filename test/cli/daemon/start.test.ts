import { expect, test } from 'bun:test'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { confirm, isInteractive } from '../../../src/cli/attach/confirm.ts'
import { daemonFlags } from '../../../src/cli/daemon/daemon-flags.ts'
import { watchStart } from '../../../src/cli/daemon/watch-start.ts'
import { forwardFlags } from '../../../src/cli/kit/forward.ts'
import { Output } from '../../../src/cli/kit/output.ts'
import { Redactor } from '../../../src/shared/redact.ts'
import { secret } from '../../../src/shared/secret.ts'

test('a daemon gets what was given here: nothing secret as an argument, and nothing that was left to its default', () => {
  const values = {
    openworkToken: secret('tok-5e1f2e'),
    sidecarBaseUrl: 'https://ada:hunter22@mirror.example',
    idleTimeout: 90_000,
    connectHost: 'box.example',
    cors: ['https://a.example'],
    verbose: true,
    opencodeHost: '127.0.0.1',
  }

  const { args, env } = forwardFlags(daemonFlags, values, key => (key === 'opencodeHost' ? 'default' : 'flag'))

  expect(args).toEqual(['--connect-host=box.example'])
  expect(env).toEqual({
    OPENWORK_TOKEN: 'tok-5e1f2e',
    OPENWORK_SIDECAR_BASE_URL: 'https://ada:hunter22@mirror.example',
    OPENWORK_IDLE_TIMEOUT: '90000ms',
    OPENWORK_OPENCODE_CORS: '["https://a.example"]',
    OPENWORK_VERBOSE: 'true',
  })
})

test('what a starting daemon logs is shown: in a terminal its latest line, elsewhere what may take long', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwork-watch-'))
  const path = join(folder, 'daemon.log')
  appendFileSync(path, 'of an earlier life\n')
  const shown = (isTTY: boolean) => {
    const stderr = Object.assign(new PassThrough(), { isTTY, columns: 60 })
    const output = new Output({ name: 'x', json: false, stdout: stderr, stderr, redactor: new Redactor() })
    return { stderr, watch: watchStart(path, { stderr, env: {}, output }), text: () => String(stderr.read() ?? '') }
  }
  const [terminal, pipe] = [shown(true), shown(false)]
  try {
    appendFileSync(path, '2026-11-22T12:00:00.000Z [openwork-orchestrator] starting\n')
    appendFileSync(path, '2026-11-22T12:00:00.100Z [openwork-orchestrator] downloading opencode of=1 percent=3\n')
    appendFileSync(path, '2026-11-22T12:00:00.200Z [openwork-server] GET /health 200 1ms\nhalf a li')
    for (const { watch } of [terminal, pipe]) watch.look()
    await new Promise(setImmediate)

    expect(terminal.text()).toBe('\r\x1b[KStarting the daemon: downloading opencode percent=3')
    expect(pipe.text()).toBe('[openwork-orchestrator] downloading opencode of=1 percent=3\n')
    appendFileSync(path, 'ne\n')
    pipe.watch.look()
    expect(pipe.watch.lastLines()).toEqual([
      '[openwork-orchestrator] starting',
      '[openwork-orchestrator] downloading opencode of=1 percent=3',
      '[openwork-server] GET /health 200 1ms',
      'half a line',
    ])
  } finally {
    for (const { watch } of [terminal, pipe]) watch[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  }
})

test('a question is put to people only; Enter means yes, and leaving means nothing is done', async () => {
  const terminal = () => ({
    stdin: Object.assign(new PassThrough(), { isTTY: true }),
    stdout: Object.assign(new PassThrough(), { isTTY: true }),
    stderr: Object.assign(new PassThrough(), { isTTY: true }),
    json: false,
    env: {},
  })
  expect(isInteractive(terminal())).toBe(true)
  expect(isInteractive({ ...terminal(), json: true })).toBe(false)
  expect(isInteractive({ ...terminal(), env: { CI: 'true' } })).toBe(false)
  expect(isInteractive({ ...terminal(), stdin: new PassThrough() })).toBe(false)

  for (const [typed, meant] of [
    ['\n', true],
    ['Yes\n', true],
    ['n\n', false],
    ['what?\n', false],
  ] as const) {
    const at = terminal()
    let shown = ''
    at.stderr.on('data', chunk => {
      shown += chunk
    })
    at.stdin.write(typed)
    expect([typed, await confirm('Use it?', at)]).toEqual([typed, meant])
    expect(shown).toContain('Use it? [Y/n] ')
  }
  const left = terminal()
  left.stdin.end()
  await expect(confirm('Use it?', left)).rejects.toMatchObject({ code: 'interrupted' })
})
