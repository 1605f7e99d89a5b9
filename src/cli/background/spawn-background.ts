import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { writing } from '../../orchestrator/write-failure.ts'
import { ownProgramArgv } from '../../services/own-program.ts'
import { randomHex } from '../../shared/random-hex.ts'
import { openAppending } from '../../shared/rotating-file.ts'
import type { Progress } from '../../sidecars/download/progress.ts'
import { MARKER_VARIABLE } from '../../supervisor/spawn-marker.ts'
import type { Environment } from '../kit/io.ts'
import { type BackgroundEnd, findFailure, parseAnswers, parseProgress } from './answers.ts'

export type BackgroundProgram = {
  /** Of `openwork`. */
  args: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  /** Its folder is made, 0700, and is where it runs: it outlives the folder we are in. */
  logFile: string
  /** Its stdin is a pipe that only we hold: the system closes it however we end. */
  isOwned: boolean
}

/** A program that was started a moment ago. Disposing of this lets go of it: without a pipe it goes on. */
export type Background = Disposable & {
  pid: number
  /** The documents that it printed so far, but for those about a download. */
  answers(): unknown[]
  /** How far its download is at the moment. */
  progress(): Progress | undefined
  /** Undefined while it runs. */
  end(): BackgroundEnd | undefined
  /** Resolves when it has ended. Does not keep this process alive. */
  ended: Promise<BackgroundEnd>
  /** Nothing when it has ended. */
  signal(name: NodeJS.Signals): void
}

/** Of the host whose agent called us, if one did: not for what is nobody's child. And it is in the background already. */
const NOT_INHERITED = ['OPENWORK', 'OPENWORK_PARENT_WATCH', 'OPENWORK_RUN_ID', 'OPENWORK_DETACH', MARKER_VARIABLE]

export const inheritedEnvironment = (env: Environment): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !NOT_INHERITED.includes(name)))

/** A program named by a path, not by a name on PATH, is meant from where the user is. */
export const absoluteProgram = (bin: string | undefined, cwd: string): string | undefined =>
  bin !== undefined && !bin.startsWith('~') && /[/\\]|^\./.test(bin) ? resolve(cwd, bin) : bin

/**
 * Starts this same executable in a session of its own: the end of our terminal is none of its business.
 * @throws OpenworkError data_dir_unusable, disk_full
 */
export async function spawnBackground({ args, env, logFile, isOwned }: BackgroundProgram): Promise<Background> {
  const folder = dirname(logFile)
  const answer = await writing(folder, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return new AnswerFile(join(folder, `start-${randomHex(8)}.json`))
  })
  try {
    const self = { execPath: process.execPath, execArgv: process.execArgv, main: Bun.main }
    const [program, ...argv] = ownProgramArgv(self, 'openwork', args)
    // Crashes of the runtime itself, which no log of ours would have, come to stand in the log too.
    const { fd: stderr } = await writing(logFile, () => openAppending(logFile))
    const child = spawn(program, argv, {
      cwd: folder,
      env,
      detached: true,
      stdio: [isOwned ? 'pipe' : 'ignore', answer.fd, stderr],
      windowsHide: true,
    })
    closeSync(stderr)
    child.stdin?.on('error', () => {}) // it has ended
    child.unref()
    let end: Omit<BackgroundEnd, 'failure'> | undefined
    const told = Promise.withResolvers<void>()
    const noteEnd = (how: string, code: number | null): void => {
      end ??= { how, code }
      told.resolve()
    }
    child.once('error', error => noteEnd(error.message, null))
    child.once('exit', (code, signal) => noteEnd(signal ?? `code ${code}`, code))
    const endNow = (): BackgroundEnd | undefined => end && { ...end, failure: findFailure(answer.documents()) }
    return {
      pid: child.pid ?? 0,
      answers: () => answer.documents(),
      progress: () => answer.progress(),
      end: endNow,
      ended: told.promise.then(() => endNow() as BackgroundEnd),
      signal: name => void child.kill(name),
      [Symbol.dispose]: () => {
        child.stdin?.destroy()
        answer.close()
      },
    }
  } catch (error) {
    answer.close()
    throw error
  }
}

/** Where it answers, secrets included. No name is left of it, whenever we end, where the system allows that. */
class AnswerFile {
  readonly fd: number
  readonly #path: string
  readonly #decoder = new StringDecoder('utf8')
  #readBytes = 0
  /** Lines that are not about a download, and the line that is not at its end yet. */
  #kept = ''
  #rest = ''
  #progress: Progress | undefined

  constructor(path: string) {
    this.#path = path
    this.fd = openSync(path, 'wx+', 0o600)
    try {
      const zeros = Buffer.alloc(RESERVED_BYTES)
      // With a place each: what the program writes begins at the beginning.
      for (let done = 0; done < zeros.length; ) done += writeSync(this.fd, zeros, done, zeros.length - done, done)
      if (process.platform !== 'win32') rmSync(path)
    } catch (error) {
      this.close()
      throw error
    }
  }

  documents(): unknown[] {
    this.#read()
    return parseAnswers(this.#kept + this.#rest)
  }

  progress(): Progress | undefined {
    this.#read()
    return this.#progress
  }

  close(): void {
    closeSync(this.fd)
    rmSync(this.#path, { force: true })
  }

  #read(): void {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let length = -1; length !== 0; this.#readBytes += length) {
      const got = chunk.subarray(0, readSync(this.fd, chunk, 0, chunk.length, this.#readBytes))
      length = got.includes(0) ? got.indexOf(0) : got.length // what is only reserved is not written yet
      const lines = (this.#rest + this.#decoder.write(chunk.subarray(0, length))).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) {
        const told = parseProgress(line)
        if (told) this.#progress = told.progress ?? undefined
        else this.#kept += `${line}\n`
      }
    }
  }
}

const CHUNK_BYTES = 16 * 1024
/** Taken beforehand, so that a program that cannot write to a full disk any more can still say so. */
const RESERVED_BYTES = 64 * 1024
