import { tmpdir } from 'node:os'
import { findOnPath } from '../shared/find-on-path.ts'
import { runProgram } from '../supervisor/run-program.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What other people's programs need to find their server, and nothing that is secret. */
const PASSED = /^(?:PATH|HOME|USER|LANG|LC_.*|TMPDIR|XDG_.*|DOCKER_.*|CONTAINER_.*|SYSTEMROOT|APPDATA|USERPROFILE)$/i

export type Answer = { readonly path: string; readonly ok: boolean; readonly text: string; readonly timedOut: boolean }

/**
 * Asks a program of the user's for something short. Undefined when there is no such program.
 * @throws the reason of an aborted `signal`
 */
export async function askProgram(
  [name, ...args]: readonly [string, ...string[]],
  { env, limitMs, signal }: { env: Environment; limitMs: number; signal: AbortSignal },
): Promise<Answer | undefined> {
  const path = await findOnPath(process.platform === 'win32' ? [`${name}.exe`] : [name], env)
  if (path === undefined) return undefined
  const passed = Object.entries(env).filter((entry): entry is [string, string] => PASSED.test(entry[0]) && !!entry[1])
  try {
    const end = await runProgram([path, ...args], { cwd: tmpdir(), env: Object.fromEntries(passed), limitMs, signal })
    const [stdout, stderr] = [end.stdout.trim(), end.stderr.trim()]
    const ok = end.code === 0
    return { path, ok, text: ok ? stdout || stderr : stderr || stdout, timedOut: end.timedOut }
  } catch (error) {
    signal.throwIfAborted()
    return { path, ok: false, text: error instanceof Error ? error.message : String(error), timedOut: false }
  }
}
