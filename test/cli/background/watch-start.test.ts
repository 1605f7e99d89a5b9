import { expect, test } from 'bun:test'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { watchStart } from '../../../src/cli/background/watch-start.ts'
import { Output } from '../../../src/cli/kit/output.ts'
import { Redactor } from '../../../src/shared/redact.ts'

const HOST = 'openwork-orchestrator'

const record = (component: string, body: string, attributes: object = {}): string =>
  `${JSON.stringify({
    timeUnixNano: '1767225600123000000',
    severityText: 'INFO',
    body,
    attributes: { 'run.id': 'r', 'process.pid': 1, 'service.component': component, ...attributes },
    resource: { 'service.name': HOST },
  })}\n`

test('what a program that starts logs is shown: in a terminal its latest step, elsewhere what may take long', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'openwork-watch-'))
  const path = join(folder, 'daemon.log')
  appendFileSync(path, record(HOST, 'of an earlier life'))
  const shown = (isTTY: boolean) => {
    const stderr = Object.assign(new PassThrough(), { isTTY, columns: 60 })
    const output = new Output({ name: 'x', json: false, stdout: stderr, stderr, redactor: new Redactor() })
    const watch = watchStart(path, 'Starting the daemon', { stderr, env: {}, output })
    return { watch, text: () => String(stderr.read() ?? '') }
  }
  const [terminal, pipe] = [shown(true), shown(false)]
  try {
    appendFileSync(path, record(HOST, 'starting'))
    appendFileSync(path, record(HOST, 'downloading opencode', { of: 1, percent: 3 }))
    appendFileSync(path, `${record('openwork-server', 'GET /health 200 1ms')}half a li`)
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
      '[openwork-orchestrator] half a line',
    ])
  } finally {
    for (const { watch } of [terminal, pipe]) watch[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  }
})
