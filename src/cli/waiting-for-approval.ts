import { askServer, type OpenworkClientOptions } from '../api/request.ts'
import { OpenworkError } from '../shared/errors.ts'
import { clockSeconds } from './clock-time.ts'
import type { Context } from './kit/context.ts'

/** A change that nobody is asked about is done sooner. */
const PATIENCE_MS = 1_000
const ASK_LIMIT_MS = 5_000

/** The outcome of a change of a server. Where it is late, and its host is asked about changes, that is told. */
export async function tellOfWaiting<Result>(
  change: Promise<Result>,
  server: Omit<OpenworkClientOptions, 'timeoutMs'>,
  { output }: Pick<Context, 'output'>,
): Promise<Result> {
  const beganAtMs = Date.now()
  let isAnswered = false
  const tell = async (): Promise<void> => {
    const timeoutMs = await approvalLimit(server)
    if (isAnswered || timeoutMs === undefined) return
    const until = clockSeconds(beganAtMs + timeoutMs)
    output.note(`Waiting for the host to allow this, until ${until} at most (there: openwork approvals list)…`)
  }
  const timer = setTimeout(() => void tell(), PATIENCE_MS)
  try {
    return await change
  } finally {
    isAnswered = true
    clearTimeout(timer)
  }
}

/** How long a change waits for the host's answer; undefined where it does not, or that is not known. */
async function approvalLimit(server: Omit<OpenworkClientOptions, 'timeoutMs'>): Promise<number | undefined> {
  try {
    const { approvals } = await askServer(
      { ...server, timeoutMs: ASK_LIMIT_MS },
      { method: 'GET', path: '/capabilities' },
      async () => (await import('../api/capabilities.ts')).capabilities.pick({ approvals: true }),
    )
    return approvals.mode === 'manual' ? approvals.timeoutMs : undefined
  } catch (error) {
    if (error instanceof OpenworkError) return undefined
    throw error
  }
}
