import { expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BackgroundEnd } from '../../../src/cli/background/answers.ts'
import type { SpawnedHost } from '../../../src/cli/background/spawn-host.ts'
import { takeDown } from '../../../src/cli/background/take-down.ts'

/** A process that ends for nobody, as a host of this one. */
async function stubbornHost(): Promise<SpawnedHost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'openwork-take-down-'))
  const child = spawn(process.execPath, [
    '-e',
    "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log()",
  ])
  await once(child.stdout, 'data')
  let end: BackgroundEnd | undefined
  const ended = once(child, 'exit').then(
    ([code, signal]) => (end = { how: signal ?? `code ${code}`, code, failure: undefined }),
  )
  return {
    pid: child.pid ?? 0,
    runId: 'r',
    dataDir,
    logFile: join(dataDir, 'log'),
    answers: () => [],
    progress: () => undefined,
    end: () => end,
    ended,
    signal: name => void child.kill(name),
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  }
}

test('a host that does not stop is told so, and killed for whoever wants out', async () => {
  using host = await stubbornHost()
  const first = new AbortController()
  const forced = new Promise<never>(() => {})
  let again = (): void => {}
  const said: string[] = []
  const onAgain = (kill: () => void): void => {
    again = kill
  }
  const down = takeDown(host, { signal: first.signal, onAgain, forced }, text => {
    said.push(text)
    if (said.length > 1) return
    first.abort()
    expect(host.end()).toBeUndefined()
    again()
  })
  expect(await down).toMatchObject({ how: 'SIGKILL', code: null })
  expect(said).toEqual([
    `Stopping the host, process ${host.pid}… Ctrl-C ends it at once.`,
    `The host, process ${host.pid}, does not stop: it is killed, and what it runs`,
  ])
  await rm(host.dataDir, { recursive: true })
})
