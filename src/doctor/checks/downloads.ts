import { messageOf } from '../../shared/errors.ts'
import { runNpm } from '../../sidecars/download/npm-client.ts'
import { OPENCODE_RELEASES } from '../../sidecars/download/sources/from-releases.ts'
import { TRANSFER_LIMITS } from '../../sidecars/fetch/limits.ts'
import { openUrl } from '../../sidecars/fetch/open-url.ts'
import { shownUrl } from '../../sidecars/fetch/shown-url.ts'
import { TransferFailure } from '../../sidecars/fetch/transfer-failure.ts'
import type { Check, Finding } from '../check.ts'
import type { Surroundings } from '../surroundings.ts'

/** What became of asking one host that binaries come from. */
export type Reached = {
  readonly name: string
  /** Without credentials and query; undefined when nobody could tell which it is. */
  readonly url: string | undefined
  readonly ok: boolean
  /** `HTTP 200`, or why there was no answer. */
  readonly said: string
  readonly hint?: string | undefined
  /** How far the clock of that host is ahead of ours; only of answers of hosts elsewhere. */
  readonly aheadMs?: number | undefined
}

const HOST_LIMIT_MS = 5_000

/** Asks the hosts that a download asks, all at once: the manifest's, that of opencode's releases, and npm's registry. */
export async function reachHosts(
  { release, env, home }: Pick<Surroundings, 'release' | 'env' | 'home'>,
  signal: AbortSignal,
): Promise<Reached[]> {
  const host = new URL(OPENCODE_RELEASES)
  return await Promise.all([
    ask('release files of openwork', release.manifestUrl, env, signal),
    ask('releases of opencode', `${host.origin}/`, env, signal),
    askRegistry(home, env, signal),
  ])
}

async function askRegistry(cwd: string, env: Surroundings['env'], signal: AbortSignal): Promise<Reached> {
  const name = 'npm registry'
  try {
    const { stdout } = await runNpm(['config', 'get', 'registry'], { cwd, env, limitMs: HOST_LIMIT_MS, signal })
    return await ask(name, stdout.trim(), env, signal)
  } catch (error) {
    signal.throwIfAborted()
    return { name, url: undefined, ok: false, said: messageOf(error) }
  }
}

async function ask(name: string, target: string, env: Surroundings['env'], signal: AbortSignal): Promise<Reached> {
  const url = shownUrl(target)
  const limits = { ...TRANSFER_LIMITS, headersMs: HOST_LIMIT_MS }
  try {
    const over = AbortSignal.any([signal, AbortSignal.timeout(2 * HOST_LIMIT_MS)])
    await using opened = await openUrl(target, { env, limits, signal: over })
    return { name, url, ok: true, said: `HTTP ${opened.status}`, aheadMs: aheadMs(opened.headers.get('date')) }
  } catch (error) {
    signal.throwIfAborted()
    const { status, hint } = error instanceof TransferFailure ? error.facts : {}
    // That there is no such file, or not for everybody, says that the host is there.
    const ok = status !== undefined && status < 500
    return { name, url, ok, said: messageOf(error), hint: ok ? undefined : hint }
  }
}

function aheadMs(date: string | null): number | undefined {
  const theirs = date === null ? Number.NaN : Date.parse(date)
  return Number.isFinite(theirs) ? theirs - Date.now() : undefined
}

export const downloads: Check = {
  id: 'downloads',
  group: 'Network',
  title: 'Download hosts',
  limitMs: 20_000,
  isOnline: true,
  look: async ({ reach }, signal) => judgeReached(await reach(signal)),
}

export function judgeReached(reached: readonly Reached[]): Finding {
  const failed = reached.filter(({ ok }) => !ok)
  const details = reached.map(
    ({ name, url, ok, said }) => `${ok ? 'reached' : 'not reached'}: ${name}${url ? ` ${url}` : ''} (${said})`,
  )
  const seen = `${reached.length - failed.length} of ${reached.length} reached`
  if (failed.length === 0) return { status: 'ok', seen, details }
  const todo = failed.flatMap(({ hint }) => hint ?? [])[0] ?? 'Check the network and the proxy variables.'
  if (failed.length < reached.length)
    return { status: 'info', seen, details, means: 'A download asks the others instead.', todo }
  return {
    status: 'warning',
    seen,
    details,
    means: 'What is not in the cache cannot be downloaded. Hosts whose binaries are here run all the same.',
    todo: `${todo} Without a network: \`openwork cache import <file>\`.`,
  }
}
