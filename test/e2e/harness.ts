// The built executable in a world of its own: home, data dir, workspace and TMPDIR in a temp folder, nothing of the user's.
import { test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { readinessDocument } from '../../src/orchestrator/readiness.ts'
import { fakeOpencode } from '../fixtures/fake-opencode.ts'
import { isolatedEnv } from '../fixtures/opencode.ts'

export const ROOT = join(import.meta.dir, '..', '..')
export const OPENWORK = join(ROOT, 'dist', 'bin', process.platform === 'win32' ? 'openwork.exe' : 'openwork')
/** A request of a test that takes longer has hung. */
export const LIMIT_MS = 20_000

export type ReadyDocument = ReturnType<typeof readinessDocument>
export type Finished = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

export type World = {
  home: string
  dataDir: string
  workspace: string
  /** TMPDIR of everything that runs in it. */
  temp: string
  env: Record<string, string>
  /** Runs a command to its end. */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>
  /** Starts a command that goes on. It is killed with the world. */
  start(args: readonly string[], options?: RunOptions): RunningCommand
  /** `serve` on the workspace with free ports; resolves when it is ready. */
  serve(args?: readonly string[], options?: RunOptions): Promise<RunningHost>
  /** Processes, of any parent, whose home is this world's. Linux only; elsewhere empty. */
  processes(): { pid: number; command: string }[]
  /** The process id of the one process whose command line contains this. */
  pidOf(part: string): number
  /** Path of every file and folder in it, sorted. */
  files(): string[]
  [Symbol.asyncDispose](): Promise<void>
}

export type RunOptions = {
  cwd?: string
  env?: Record<string, string>
  argv0?: string
  /** Run instead of the built executable: another copy of it, or a program that starts it, with its arguments. */
  program?: readonly [string, ...string[]]
}

/** What tells the two services of a host from everything else by their command lines. */
export const OPENCODE = ' serve --hostname'
export const SERVER = '--opencode-base-url'

export type RunningCommand = {
  pid: number
  exited: Promise<Finished>
  signal(name: NodeJS.Signals): void
  /** The stream's text so far. */
  text(stream: 'stdout' | 'stderr'): string
  /** Resolves to the match as soon as the stream has one; rejects when the command ended without. */
  prints(pattern: RegExp, stream?: 'stdout' | 'stderr'): Promise<RegExpMatchArray>
}

export type RunningHost = RunningCommand & {
  document: ReadyDocument
  /** A request to the openwork-server with the client token. */
  request(path: string, init?: RequestInit): Promise<Response>
  /** The same with a JSON body. */
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>
  /** The status of a GET, 0 when there was no answer. */
  status(path: string): Promise<number>
  /** SIGTERM, and waits for the end. */
  stop(): Promise<Finished>
}

export async function newWorld(config: object = {}): Promise<World> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'openwork-e2e-')))
  const at = {
    home: join(root, 'home'),
    dataDir: join(root, 'data'),
    workspace: join(root, 'workspace'),
    temp: join(root, 'temp'),
  }
  for (const folder of [at.home, at.workspace, at.temp]) await mkdir(folder)
  await writeFile(
    join(at.workspace, 'opencode.json'),
    JSON.stringify({ autoupdate: false, share: 'disabled', ...config }),
  )
  const env = { ...isolatedEnv(at.home), TMPDIR: at.temp, OPENWORK_DATA_DIR: at.dataDir }
  const started: RunningCommand[] = []

  const world: World = {
    ...at,
    env,
    run: (args, options) => world.start(args, options).exited,
    start(args, options = {}) {
      const command = spawnCommand(args, { cwd: at.workspace, ...options, env: { ...env, ...options.env } })
      started.push(command)
      return command
    },
    async serve(args = [], options) {
      const command = world.start(['serve', '--json', '--openwork-port', '0', ...args], options)
      const [text] = await command.prints(/^\{[\s\S]*?^\}\n/m)
      return runningHost(command, JSON.parse(text) as ReadyDocument)
    },
    processes: () => processesWithHome(at.home),
    pidOf(part) {
      const [found, ...more] = world.processes().filter(({ command }) => command.includes(part))
      if (!found || more.length > 0) throw new Error(`expected one "${part}": ${JSON.stringify(world.processes())}`)
      return found.pid
    },
    files: () => readdirSync(root, { recursive: true }).map(String).sort(),
    async [Symbol.asyncDispose]() {
      for (const command of started) command.signal('SIGKILL')
      // Before the wait: what a command left behind may hold its streams open.
      for (const { pid } of world.processes()) kill(pid, 'SIGKILL')
      await Promise.all(started.map(command => command.exited))
      await rm(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
  return world
}

/** A world whose opencode is the fixture that misbehaves, in these moods. */
export async function newMoodyWorld(moods: string, env: Record<string, string> = {}): Promise<World> {
  const world = await newWorld()
  Object.assign(world.env, {
    OPENWORK_ALLOW_EXTERNAL: '1',
    OPENWORK_OPENCODE_BIN: fakeOpencode(world.home),
    FAKE_OPENCODE: moods,
    ...env,
  })
  return world
}

export type Failure = { exitCode: number | null; ok: boolean; error: string; code: string; hint?: string }

/** The failure of a command with --json, which must be the only thing on stdout. */
export async function failureOf(world: World, args: readonly string[], options?: RunOptions): Promise<Failure> {
  const { code, stdout } = await world.run([...args, '--json'], options)
  return { exitCode: code, ...(JSON.parse(stdout) as Omit<Failure, 'exitCode'>) }
}

/** `test`; where `reason` says why it cannot run here it is skipped, and the reason stands in its name. */
export const testUnless = (reason: string | undefined) => (name: string, run: () => Promise<void>, limitMs?: number) =>
  test.skipIf(reason !== undefined)(reason ? `${name} (${reason})` : name, run, limitMs)

function spawnCommand(
  args: readonly string[],
  options: RunOptions & { cwd: string; env: Record<string, string> },
): RunningCommand {
  if (!existsSync(OPENWORK)) throw new Error('The executable is not built: run `npm run build` first')
  const child = Bun.spawn([...(options.program ?? [OPENWORK]), ...args], {
    cwd: options.cwd,
    env: options.env,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    ...(options.argv0 ? { argv0: options.argv0 } : {}),
  })
  const output = { stdout: new GrowingText(child.stdout), stderr: new GrowingText(child.stderr) }
  const exited = child.exited.then(async () => ({
    code: child.exitCode,
    signal: child.signalCode as NodeJS.Signals | null,
    stdout: await output.stdout.whole,
    stderr: await output.stderr.whole,
  }))
  return {
    pid: child.pid,
    exited,
    signal: name => child.kill(name),
    text: stream => output[stream].text,
    prints: async (pattern, stream = 'stdout') => {
      const match = await output[stream].match(pattern)
      if (match) return match
      const { code, signal, stdout, stderr } = await exited
      throw new Error(`ended (${code ?? signal}) without printing ${pattern}\nstdout: ${stdout}\nstderr: ${stderr}`)
    },
  }
}

function runningHost(command: RunningCommand, document: ReadyDocument): RunningHost {
  const request: RunningHost['request'] = (path, init) =>
    fetch(`${document.openwork.baseUrl}${path}`, {
      signal: AbortSignal.timeout(LIMIT_MS),
      ...init,
      headers: { authorization: `Bearer ${document.openwork.ownerToken}`, ...init?.headers },
    })
  return {
    ...command,
    document,
    request,
    post: (path, body, init) =>
      request(path, {
        method: 'POST',
        body: JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', ...init?.headers },
      }),
    status: async path => {
      try {
        const response = await request(path)
        await response.body?.cancel()
        return response.status
      } catch {
        return 0 // refused, or cut off in the middle
      }
    },
    stop: () => {
      command.signal('SIGTERM')
      return command.exited
    },
  }
}

/** The text of a stream as it arrives, with waiting for a pattern. */
class GrowingText {
  text = ''
  readonly whole: Promise<string>
  #grown = Promise.withResolvers<boolean>()

  constructor(stream: ReadableStream<Uint8Array>) {
    this.whole = this.#read(stream)
  }

  async match(pattern: RegExp): Promise<RegExpMatchArray | undefined> {
    for (;;) {
      const grown = this.#grown.promise
      const match = this.text.match(pattern)
      if (match) return match
      if (!(await grown)) return this.text.match(pattern) ?? undefined
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true })
      const { resolve } = this.#grown
      this.#grown = Promise.withResolvers()
      resolve(true)
    }
    this.#grown.resolve(false)
    return this.text
  }
}

function processesWithHome(home: string): { pid: number; command: string }[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        return environ.includes(`HOME=${home}`) ? [{ pid: Number(pid), command }] : []
      } catch {
        return [] // ended while we looked, or not ours to look at
      }
    })
}

/** Whether a process runs (a zombie does not). */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

const FIRST_PAUSE_MS = 20
/** To ask without a pause would keep what is waited for from its work: many a question runs a command. */
const LONGEST_PAUSE_MS = 200

/** Asks again, ever less often, until it is true. Fails after `LIMIT_MS`, naming what was waited for. */
export async function eventually(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + LIMIT_MS
  for (let pauseMs = FIRST_PAUSE_MS; !(await isTrue()); pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    if (Date.now() > endsAt) throw new Error(`waited too long for: ${what}`)
    await Bun.sleep(pauseMs)
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
