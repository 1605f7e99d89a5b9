import { spawn } from 'node:child_process'
import { processGroup } from '../supervisor/process-group.ts'

export type ProgramEnd = {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last 64 KiB of each stream. */
  readonly stdout: string
  readonly stderr: string
  /** It was still running at its limit and has been killed. */
  readonly timedOut: boolean
}

export type RunOptions = {
  cwd: string
  /** All of it: nothing of our own environment is added. */
  env: Record<string, string>
  limitMs: number
  signal?: AbortSignal | undefined
}

const MAX_OUTPUT = 64 * 1024
/** How long a pipe that a stray grandchild holds open may delay the answer of a program that has ended. */
const DRAIN_MS = 1_000

/**
 * Runs a short-lived helper program to its end, in a process group of its own so that nothing of it stays behind, also
 * when this process exits meanwhile. (A SIGKILL of this process leaves the program to its own end.)
 *
 * @throws the system error when it cannot be started (`ENOENT`, `EACCES`, `ENOEXEC`, …), and the signal's reason when
 *   aborted, in both cases with nothing left running
 */
export function runProgram(argv: readonly [string, ...string[]], options: RunOptions): Promise<ProgramEnd> {
  const { cwd, env, limitMs, signal } = options
  signal?.throwIfAborted()
  const [program, ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      windowsHide: true,
    })
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] = (output[name] + text).slice(-MAX_OUTPUT)
      })
    let timedOut = false
    const kill = (): void => {
      if (child.pid !== undefined) processGroup.kill(child.pid)
    }
    const limit = setTimeout(() => {
      timedOut = true
      kill()
    }, limitMs)
    signal?.addEventListener('abort', kill)
    process.on('exit', kill)
    const settle = (): void => {
      clearTimeout(limit)
      signal?.removeEventListener('abort', kill)
      process.off('exit', kill)
    }
    child.once('error', error => {
      settle()
      reject(error)
    })
    child.once('exit', (code, endSignal) => {
      settle()
      // What it started and did not wait for. On Windows there is no group, and the number may be another's by now.
      if (process.platform !== 'win32') kill()
      const end = (): void => {
        clearTimeout(drained)
        child.stdout.destroy()
        child.stderr.destroy()
        if (signal?.aborted) reject(signal.reason)
        else resolve({ code, signal: endSignal, ...output, timedOut })
      }
      const drained = setTimeout(end, DRAIN_MS)
      child.once('close', end)
    })
  })
}
