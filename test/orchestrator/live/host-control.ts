// A control server that speaks for services under a supervisor, asked as commands and the dashboard do.
import { hostClient } from '../../../src/api/host-client.ts'
import { ControlServer } from '../../../src/orchestrator/control-server.ts'
import { ExecutableOnDisk } from '../../../src/orchestrator/executable-on-disk.ts'
import { Runtime } from '../../../src/orchestrator/runtime.ts'
import type { ServiceSpec, SupervisorEvent } from '../../../src/supervisor/service.ts'
import { supervised } from '../../supervisor/support.ts'
import { watchedLog } from '../watched-log.ts'
import { observed } from './observed.ts'

type Overrides = Partial<Omit<Parameters<typeof observed>[0], 'run' | 'log'>>

export async function hostControl(specs: readonly ServiceSpec[], overrides: Overrides = {}) {
  const { log } = watchedLog()
  let tell = (_event: SupervisorEvent): void => {}
  const { run, ...supervisor } = supervised(specs, { onEvent: event => tell(event) })
  const { host, ...around } = observed({ run, log, ...overrides })
  tell = around.tell
  const control = new ControlServer()
  const self = { execPath: process.execPath, execArgv: [], main: import.meta.path }
  const runtime = new Runtime({
    supervisor: run,
    programs: [],
    specs,
    disk: new ExecutableOnDisk(self, { version: '2.0.0', env: {} }),
    env: {},
    sidecarDir: '/nowhere',
    isOpencodeExternal: false,
    ensureOpencode: () => Promise.reject(new Error('there is none')),
    ensureServer: () => Promise.reject(new Error('it is built in')),
    version: '2.0.0',
    startedAtMs: 1_000,
    workspace: '/',
    log,
  })
  control.serve({ runtime, workspaces: undefined, reloads: undefined, host }, log)
  await Promise.all(specs.map(({ name }) => run.reaches(name, 'ready')))
  return {
    ...around,
    host,
    run,
    log,
    control,
    client: hostClient({ baseUrl: control.baseUrl, token: control.token.reveal() }),
    async [Symbol.asyncDispose]() {
      await control.stop()
      await supervisor[Symbol.asyncDispose]()
    },
  }
}
