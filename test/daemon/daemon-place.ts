// A daemon with a fake opencode, and openwork-server run from source. As a program: `daemon-place.ts <root>` runs one there until it is killed.
import { mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { daemonClient } from '../../src/api/daemon-client.ts'
import { daemonFiles } from '../../src/daemon/daemon-files.ts'
import type { DaemonOptions } from '../../src/daemon/daemon-options.ts'
import { findDaemon } from '../../src/daemon/find-daemon.ts'
import { type RunningDaemon, runDaemon } from '../../src/daemon/run-daemon.ts'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import { listeningLog } from '../fixtures/listening-log.ts'
import { isolatedEnv } from '../fixtures/opencode.ts'
import { temporaryFolder } from '../supervisor/support.ts'

/** A data dir, and daemons on it. */
export function newPlace() {
  const folder = temporaryFolder()
  const root = realpathSync(folder.path)
  const dataDir = join(root, 'data')
  const running: RunningDaemon[] = []
  return {
    root,
    dataDir,
    files: daemonFiles(dataDir),
    state: () => JSON.parse(readFileSync(daemonFiles(dataDir).state, 'utf8')),
    async run(env: Record<string, string> = {}) {
      const daemon = await run(root, env)
      running.push(daemon)
      return daemon
    },
    async [Symbol.asyncDispose]() {
      for (const daemon of running) await daemon.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function run(root: string, env: Record<string, string>): Promise<RunningDaemon> {
  const home = join(root, 'home')
  mkdirSync(home, { recursive: true })
  const main = join(import.meta.dir, '..', '..', 'src', 'bin', 'openwork.ts')
  return runDaemon(optionsFor({ dataDir: join(root, 'data'), bin: fakeOpencode(root), root }), {
    env: { ...isolatedEnv(home), ...env },
    cwd: root,
    self: { execPath: process.execPath, execArgv: [], main },
    platform: process.platform,
    home,
    log: listeningLog().log,
    progress: { step() {}, end() {} },
    signal: new AbortController().signal,
    onKillable() {},
  })
}

const optionsFor = ({ dataDir, bin, root }: { dataDir: string; bin: string; root: string }): DaemonOptions => ({
  services: {
    runId: crypto.randomUUID(),
    dataDir,
    devMode: false,
    verbose: false,
    logFormat: 'pretty',
    opencode: {
      credentials: undefined,
      bin,
      source: 'external',
      flags: { bin: '--opencode-bin', source: '--opencode-source' },
      host: '127.0.0.1',
      port: undefined,
      formerPort: undefined,
      logLevel: undefined,
      hotReload: { enabled: false, debounceMs: 700, cooldownMs: 1_500, deadlineMs: 600_000 },
      readyWithinMs: 20_000,
    },
    sidecars: {
      dir: join(root, 'sidecars'),
      baseUrl: 'http://127.0.0.1:1/',
      manifestUrl: 'http://127.0.0.1:1/m',
      named: [],
      source: 'auto',
      allowExternal: true,
    },
    server: {
      bin: undefined,
      flags: { bin: '--openwork-server-bin', source: '--sidecar-source' },
      remoteAccess: false,
      connectHost: undefined,
      port: { number: 0, exact: false },
      token: undefined,
      hostToken: undefined,
      approval: { mode: 'manual', timeoutMs: 1_000 },
      readOnly: false,
      cors: ['*'],
      allowedHosts: [],
    },
  },
  workdir: undefined,
  listen: { host: '127.0.0.1', port: undefined },
  idleTimeoutMs: 0,
  memoryLimitBytes: undefined,
  logFile: undefined,
})

/** A client of the one that runs. */
export async function clientOf(dataDir: string) {
  const found = await findDaemon(dataDir)
  if (found.state !== 'running') throw new Error(`it is ${found.state}`)
  return { found, client: daemonClient({ baseUrl: found.baseUrl, token: found.token, timeoutMs: 10_000 }) }
}

const [root] = process.argv.slice(2)
if (import.meta.main && root !== undefined) {
  await run(root, {})
  console.log('ready')
}
