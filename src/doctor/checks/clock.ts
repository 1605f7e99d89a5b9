import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unlessSystemError } from '../../shared/errors.ts'
import type { Check, Finding } from '../check.ts'

export const clock: Check = {
  id: 'clock',
  group: 'This machine',
  title: 'Clock',
  limitMs: 20_000,
  async look({ dataDir, isOffline, reach }, signal) {
    const reached = isOffline ? [] : await reach(signal)
    const differences = reached.flatMap(({ aheadMs }) => aheadMs ?? [])
    return judgeClock({ networkMs: median(differences), diskMs: await diskAheadMs(dataDir) })
  },
}

const median = (numbers: readonly number[]): number | undefined =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

/** How far the clock is ahead that gives files there their times: on a disk of the network it is another machine's. */
async function diskAheadMs(dataDir: string): Promise<number | undefined> {
  const isThere = (await stat(dataDir).catch(unlessSystemError))?.isDirectory()
  const folder = await mkdtemp(join(isThere ? dataDir : tmpdir(), '.openwork-doctor-')).catch(unlessSystemError)
  if (folder === undefined) return undefined
  try {
    return (await stat(folder)).mtimeMs - Date.now()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Clocks that are set by the network are within a second; the answer itself takes some of that. */
const NETWORK_MS = 30_000
const DISK_MS = 5_000
/** From here on certificates and one-time codes are judged wrong. */
const FAR_MS = 5 * 60_000

export function judgeClock({
  networkMs,
  diskMs,
}: {
  networkMs: number | undefined
  diskMs: number | undefined
}): Finding {
  const compared =
    networkMs === undefined ? 'not compared with another machine' : `${difference(networkMs)} other machines`
  const disk =
    diskMs !== undefined && Math.abs(diskMs) > DISK_MS ? `${difference(diskMs)} the disk of the data dir` : undefined
  const seen = [compared, ...(disk ? [disk] : [])].join('; ')
  const offMs = Math.abs(networkMs ?? 0)
  if (offMs <= NETWORK_MS && disk === undefined) return { status: 'ok', seen }
  return {
    status: offMs > FAR_MS ? 'problem' : 'warning',
    seen,
    means:
      offMs > NETWORK_MS
        ? 'Certificates, pairing codes and expiry dates are judged by the clock.'
        : 'Times of files there say little about what is new, and locks are judged by them.',
    todo: 'Have the clock set by the network (`timedatectl set-ntp true`, or your system settings).',
  }
}

/** `theirs - ours`: positive when ours is behind. */
function difference(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000)
  return seconds <= 2 ? 'as' : `${seconds} s ${ms > 0 ? 'behind' : 'ahead of'}`
}
