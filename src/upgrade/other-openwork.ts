import { tmpdir } from 'node:os'
import { type FailureCode, messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { type Probe, probeVersion } from '../sidecars/verify/probe-version.ts'
import { type ProgramEnd, type RunOptions, runProgram } from '../supervisor/run-program.ts'

/** A slow line needs minutes for opencode's 60 MB; the other openwork gives up on a dead one much earlier. */
const FETCH_LIMIT_MS = 20 * 60_000
const MAX_WORDS = 600
/** Time for one that is not wanted any more to take down what it has started. */
const GRACE_MS = 10_000

export type OtherOptions = {
  /** The user's: settings of npm, proxies and certificates are meant to apply. */
  env: Readonly<Record<string, string | undefined>>
  sidecarDir: string
  signal?: AbortSignal | undefined
  limitMs?: number | undefined
}

/** The version of the openwork at a path; undefined when nothing is there that would say. */
export async function findVersion(
  path: string,
  { env, signal }: Pick<OtherOptions, 'env' | 'signal'>,
): Promise<string | undefined> {
  return (await probe(path, { env, signal })).version
}

/** The version of the openwork at a path or, in words about it, why it tells none. */
export async function probe(path: string, { env, signal }: Pick<OtherOptions, 'env' | 'signal'>): Promise<Probe> {
  try {
    const { version, problem } = await probeVersion(path, { env, signal })
    return version === undefined ? { problem: `it ${problem}` } : { version }
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof OpenworkError)) throw error
    return { problem: error.message.replace(`${path} cannot be run: `, '') } // the system refuses to
  }
}

/**
 * Has another openwork than this one bring the opencode that it is made with into the cache, beside those of other
 * versions. It verifies it against its own hashes. Undefined where it knows none that runs on this machine: there the user
 * has an opencode of their own.
 *
 * @throws OpenworkError `upgrade_failed` with the other openwork's own words; the reason of an aborted `signal`
 */
export async function bringOpencode(
  path: string,
  { env, sidecarDir, signal, limitMs = FETCH_LIMIT_MS }: OtherOptions,
): Promise<{ version: string; path: string; source: string } | undefined> {
  const end = await runOther([path, 'cache', 'fetch', '--json', '--sidecar-dir', sidecarDir], { env, signal, limitMs })
  const { opencode, code } = parseObject(end.stdout) ?? {}
  if (end.code !== 0 && code === ('platform_not_supported' satisfies FailureCode)) return undefined
  if (isObject(opencode) && typeof opencode.version === 'string' && typeof opencode.path === 'string')
    return { version: opencode.version, path: opencode.path, source: String(opencode.source) }
  const isDownload = end.timedOut || code === ('sidecar_download_failed' satisfies FailureCode)
  throw new OpenworkError('upgrade_failed', `${path} did not bring its opencode: ${wordsOf(end)}`, {
    hint: isDownload
      ? 'Check the network, or name a mirror with --sidecar-base-url; nothing was changed.'
      : 'Nothing was changed. Choose another version with `openwork upgrade --to <version>`.',
  })
}

/**
 * Runs another openwork to its end.
 * @throws OpenworkError `upgrade_failed` when the system refuses to
 */
export async function runOther(
  argv: readonly [string, ...string[]],
  options: Pick<OtherOptions, 'env' | 'signal'> &
    Pick<RunOptions, 'limitMs' | 'outputFile' | 'onStarted'> & { cwd?: string },
): Promise<ProgramEnd> {
  const { env, signal, limitMs, cwd = tmpdir(), outputFile, onStarted } = options
  const passed = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined)
  try {
    return await runProgram(argv, {
      cwd,
      env: Object.fromEntries(passed),
      limitMs,
      signal,
      graceMs: GRACE_MS,
      outputFile,
      onStarted,
    })
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    throw new OpenworkError('upgrade_failed', `${argv[0]} cannot be run: ${messageOf(error)}`, { cause: error })
  }
}

/** How a line begins that says what went wrong; after it may come pages of help, or a stack. */
const COMPLAINT = /^(?:[\w./-]+: )?(?:\w*error\b|fatal\b|panic\b|(?:unknown|unrecognized|invalid) [\w-]+\b)/i

/** What a program said about its end: the error of its JSON answer, the line with its complaint, else its last lines. */
export function wordsOf({ code, signal, stdout, stderr, timedOut }: ProgramEnd): string {
  const { error } = parseObject(stdout) ?? {}
  const lines = `${stderr}\n${stdout}`.trim().split('\n')
  const complaint = lines.map(line => line.trim()).findLast(line => COMPLAINT.test(line))
  const said = (typeof error === 'string' ? error : (complaint ?? lines.slice(-5).join(' / '))).slice(-MAX_WORDS)
  const how = timedOut ? 'it took too long' : code === null ? `ended by ${signal}` : `exit code ${code}`
  return said === '' ? how : `${said} (${how})`
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined // not the document we asked for
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
