import type { HostClient } from '../../api/host-client.ts'
import type { EngineWork } from '../../api/hot-reload.ts'
import { renderWork } from '../../hot-reload/reload-text.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { detailsOf } from '../answered-failure.ts'
import { onOneLine } from '../kit/one-line.ts'

/** What is at work and ends, or why that is not known. */
export type Ended = { work: EngineWork } | { unknown: string }

/** More than these are only counted. */
const NAMED_SESSIONS = 5

/** Of a host's `workspace_busy`. */
export async function endedOf(error: OpenworkError): Promise<Ended> {
  const { busyDetails } = await import('../../api/hot-reload.ts')
  const { data } = busyDetails.safeParse(detailsOf(error))
  return data ?? { unknown: 'opencode does not say what is at work' } // one that hangs, say
}

/** `2 sessions would end: "Long job", "Other"`, as far as the host knows their titles. */
export async function wouldEnd(ended: Ended, host: Pick<HostClient, 'snapshot'>): Promise<string> {
  if ('unknown' in ended) return ended.unknown
  const titles = await titlesOf(ended.work.sessions, host)
  return `${renderWork(ended.work)} would end${titles.length === 0 ? '' : `: ${titles.join(', ')}`}`
}

async function titlesOf(ids: readonly string[], host: Pick<HostClient, 'snapshot'>): Promise<string[]> {
  if (ids.length === 0) return []
  try {
    const { sessions } = await host.snapshot()
    const titles = (sessions ?? []).flatMap(({ id, title }) => (ids.includes(id) && title ? [onOneLine(title)] : []))
    const named = titles.slice(0, NAMED_SESSIONS).map(title => `"${title}"`)
    return titles.length > named.length ? [...named, '…'] : named
  } catch (error) {
    if (error instanceof OpenworkError) return [] // it says how many there are
    throw error
  }
}
