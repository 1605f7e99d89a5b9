import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostLauncher } from '../../src/supervisor/host-launcher.ts'
import { linuxProcess } from '../../src/supervisor/process-identity.ts'
import type { Probe, ServiceSpec, SupervisorEvent } from '../../src/supervisor/service.ts'
import { type SuperviseOptions, type Supervisor, supervise } from '../../src/supervisor/supervisor.ts'

/** How to run a program of `test/fixtures/programs`. */
export const fixture = (name: string, ...args: string[]): [program: string, ...args: string[]] => [
  process.execPath,
  join(import.meta.dir, '..', 'fixtures', 'programs', `${name}.ts`),
  ...args,
]

/** A service with quick restarts and a short grace period; it is ready as soon as it runs. */
export const service = (name: string, spec: Partial<ServiceSpec> & Pick<ServiceSpec, 'argv'>): ServiceSpec => ({
  name,
  cwd: tmpdir(),
  env: {},
  parentWatch: 'none',
  ready: { kind: 'spawned' },
  restart: { when: 'on-failure', backoffMs: [1, 10], resetAfterMs: 60_000, maxCrashes: 3, windowMs: 60_000 },
  stop: { signal: 'SIGTERM', graceMs: 5_000 },
  needs: [],
  ...spec,
})

type HttpProbe = Extract<Probe, { kind: 'http' }>

export const http = (port: number, probe: Partial<HttpProbe> = {}): HttpProbe => ({
  kind: 'http',
  url: `http://127.0.0.1:${port}/`,
  headers: {},
  everyMs: 50,
  tryMs: 1_000,
  withinMs: 20_000,
  ...probe,
})

/** Everything that happened, and a way to wait for more of it. */
export class Events {
  readonly all: SupervisorEvent[] = []
  readonly #waiting = new Set<() => void>()

  readonly add = (event: SupervisorEvent): void => {
    this.all.push(event)
    for (const look of this.#waiting) look()
  }

  lines(service: string): string[] {
    return this.all.flatMap(event => (event.type === 'line' && event.service === service ? [event.text] : []))
  }

  /** Resolves with the first line of the service that matches, printed already or later. */
  line(service: string, pattern: RegExp): Promise<string> {
    return new Promise(resolve => {
      const look = () => {
        const found = this.lines(service).find(text => pattern.test(text))
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }
}

/** A supervisor on this host, and what it tells. */
export function supervised(
  specs: readonly ServiceSpec[],
  options: Partial<SuperviseOptions> = {},
): { run: Supervisor; events: Events } & AsyncDisposable {
  const events = new Events()
  const run = supervise(specs, { launcher: hostLauncher(), onEvent: events.add, ...options })
  return { run, events, [Symbol.asyncDispose]: () => run.stop() }
}

/** Whether the process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') return linuxProcess(pid) !== undefined
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A new folder, removed when the variable goes out of scope. */
export function temporaryFolder(): { path: string } & AsyncDisposable {
  const path = mkdtempSync(join(tmpdir(), 'openwork-supervisor-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
