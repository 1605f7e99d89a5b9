import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import type { DaemonFiles } from '../../daemon/daemon-files.ts'
import { writing } from '../../orchestrator/write-failure.ts'
import { ownProgramArgv } from '../../services/own-program.ts'
import { openAppending } from '../../shared/rotating-file.ts'
import { MARKER_VARIABLE } from '../../supervisor/spawn-marker.ts'
import type { Context } from '../kit/context.ts'
import { type Forwarded, forwardFlags } from '../kit/forward.ts'
import { ownRunId } from '../own-run-id.ts'
import { type DaemonValues, daemonFlags } from './daemon-flags.ts'

/** What a command with `--json` prints when it fails. */
const failureDocument = z.object({
  ok: z.literal(false),
  code: z.string(),
  error: z.string(),
  hint: z.string().optional(),
  details: z.record(z.string(), z.unknown()).optional(),
})

/** How a daemon ended that was to start. */
export type DaemonEnd = {
  /** `code 1`, `SIGKILL`. */
  how: string
  /** As it said itself, if it came to that. */
  failure: z.infer<typeof failureDocument> | undefined
}

/** A daemon that was started a moment ago. Disposing of this lets go of it: it goes on. */
export type SpawnedDaemon = Disposable & {
  pid: number
  /** Undefined while it runs. */
  end(): DaemonEnd | undefined
}

/** Of the host whose agent called us, if one did: not for a daemon, which is nobody's child. */
const NOT_INHERITED = ['OPENWORK', 'OPENWORK_PARENT_WATCH', 'OPENWORK_RUN_ID', MARKER_VARIABLE]

/**
 * Starts `daemon run` of this same executable with the flags given here, in a session of its own, with a log file.
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export async function spawnDaemon(
  files: DaemonFiles,
  values: DaemonValues,
  context: Pick<Context, 'cwd' | 'env' | 'source'>,
): Promise<SpawnedDaemon> {
  const answer = await writing(files.folder, () => {
    mkdirSync(files.folder, { recursive: true, mode: 0o700 })
    return new AnswerFile(join(files.folder, `start-${randomBytes(8).toString('hex')}.json`))
  })
  try {
    const [program, ...args] = commandLine(files, values, context)
    // Crashes of the runtime itself, which no log of ours would have, come to stand in the log too.
    const { fd: stderr } = await writing(files.log, () => openAppending(files.log))
    const child = spawn(program, args, {
      cwd: files.folder, // it outlives the folder we are in
      env: childEnvironment(values, context),
      detached: true,
      stdio: ['ignore', answer.fd, stderr],
      windowsHide: true,
    })
    closeSync(stderr)
    let how: string | undefined
    child.once('error', error => {
      how = error.message
    })
    child.once('exit', (code, signal) => {
      how = signal ?? `code ${code}`
    })
    child.unref()
    return {
      pid: child.pid ?? 0,
      end: () => (how === undefined ? undefined : { how, failure: parseFailure(answer.text()) }),
      [Symbol.dispose]: () => answer.close(),
    }
  } catch (error) {
    answer.close()
    throw error
  }
}

/** Where a daemon that fails to start says why. No name is left of it, whenever we end, where the system allows that. */
class AnswerFile {
  readonly fd: number
  readonly #path: string

  constructor(path: string) {
    this.#path = path
    this.fd = openSync(path, 'wx+', 0o600)
    if (process.platform !== 'win32') rmSync(path)
  }

  text(): string {
    const text = Buffer.alloc(MAX_ANSWER_BYTES)
    return text.toString('utf8', 0, readSync(this.fd, text, 0, text.length, 0))
  }

  close(): void {
    closeSync(this.fd)
    rmSync(this.#path, { force: true })
  }
}

const MAX_ANSWER_BYTES = 64 * 1024

type Called = Pick<Context, 'cwd' | 'env' | 'source'>

const forwarded = (values: DaemonValues, { cwd, env, source }: Called): Forwarded =>
  forwardFlags(
    daemonFlags,
    {
      ...values,
      opencodeBin: absolute(values.opencodeBin, cwd),
      openworkServerBin: absolute(values.openworkServerBin, cwd),
      runId: ownRunId(values.runId, { env, source }),
      logFile: undefined,
    },
    source,
  )

function commandLine(files: DaemonFiles, values: DaemonValues, called: Called): [string, ...string[]] {
  const { args } = forwarded(values, called)
  const self = { execPath: process.execPath, execArgv: process.execArgv, main: Bun.main }
  return ownProgramArgv(self, 'openwork', ['daemon', 'run', '--json', `--log-file=${files.log}`, ...args])
}

function childEnvironment(values: DaemonValues, called: Called): Record<string, string | undefined> {
  const inherited = Object.entries(called.env).filter(([name]) => !NOT_INHERITED.includes(name))
  return { ...Object.fromEntries(inherited), ...forwarded(values, called).env, OPENWORK_DATA_DIR: values.dataDir }
}

/** A program named by a path, not by a name on PATH, is meant from where the user is. */
const absolute = (bin: string | undefined, cwd: string): string | undefined =>
  bin !== undefined && !bin.startsWith('~') && /[/\\]|^\./.test(bin) ? resolve(cwd, bin) : bin

function parseFailure(text: string): DaemonEnd['failure'] {
  try {
    return failureDocument.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // it did not come to say anything
  }
}
