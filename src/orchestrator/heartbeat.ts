import { messageOf } from '../shared/errors.ts'
import type { Log } from '../shared/log.ts'
import { fetchRoute } from '../shared/loopback.ts'
import { type Secret, secret } from '../shared/secret.ts'
import { basicAuth } from '../shared/url.ts'
import type { HostPlan } from './plan.ts'

/** Tells the platform that runs this machine whether the agent is in use, so that it may be put to sleep when not. */
export type HeartbeatOptions = { url: string; token: Secret; intervalMs: number; activeWindowMs: number }

const REQUEST_MS = 10_000
const SESSIONS = 200

/** The heartbeat that the environment asks for; `undefined` unless all of it is there. */
export function parseHeartbeat(env: Readonly<Record<string, string | undefined>>): HeartbeatOptions | undefined {
  const isEnabled = /^(?:1|true|yes)$/i.test(env.DEN_ACTIVITY_HEARTBEAT_ENABLED?.trim() ?? '')
  const url = env.DEN_ACTIVITY_HEARTBEAT_URL?.trim()
  const token = env.DEN_ACTIVITY_HEARTBEAT_TOKEN?.trim()
  if (!isEnabled || env.DEN_RUNTIME_PROVIDER !== 'daytona' || !env.DEN_WORKER_ID || !url || !token) return undefined
  return {
    url,
    token: secret(token),
    intervalMs: seconds(env.DEN_ACTIVITY_HEARTBEAT_INTERVAL_SECONDS) * 1_000,
    activeWindowMs: seconds(env.DEN_ACTIVITY_WINDOW_SECONDS) * 1_000,
  }
}

/** Sends one beat now and one per interval until `stop()`. A beat that fails is logged and forgotten. */
export function startHeartbeat(options: HeartbeatOptions, plan: HostPlan, log: Log): { stop(): void } {
  log.redactor.add(options.token)
  const stopped = new AbortController()
  const beat = async (): Promise<void> => {
    try {
      await sendBeat(options, plan, AbortSignal.any([stopped.signal, AbortSignal.timeout(REQUEST_MS)]))
    } catch (error) {
      if (!stopped.signal.aborted) log.warn('the activity heartbeat failed', { reason: messageOf(error) })
    }
  }
  void beat()
  const timer = setInterval(beat, options.intervalMs)
  return {
    stop() {
      clearInterval(timer)
      stopped.abort()
    },
  }
}

async function sendBeat(options: HeartbeatOptions, plan: HostPlan, signal: AbortSignal): Promise<void> {
  const { opencode } = plan
  const listed = await fetch(`${opencode.baseUrl}/session?limit=${SESSIONS}`, {
    headers: { authorization: basicAuth(opencode.username, opencode.password).reveal() },
    signal,
    ...fetchRoute(opencode.baseUrl),
  })
  if (!listed.ok) throw new Error(`opencode answered ${listed.status} for its sessions`)
  const sessions = (await listed.json()) as readonly { time?: { created?: number; updated?: number } }[]
  const lastActivityMs = Math.max(0, ...sessions.map(({ time }) => time?.updated ?? time?.created ?? 0))
  const nowMs = Date.now()
  const sent = await fetch(options.url, {
    method: 'POST',
    headers: { authorization: `Bearer ${options.token.reveal()}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      sentAt: new Date(nowMs).toISOString(),
      isActiveRecently: nowMs - lastActivityMs <= options.activeWindowMs,
      lastActivityAt: lastActivityMs > 0 ? new Date(lastActivityMs).toISOString() : null,
      openSessionCount: sessions.length,
    }),
    signal,
    ...fetchRoute(options.url),
  })
  await sent.body?.cancel()
  if (!sent.ok) throw new Error(`${new URL(options.url).host} answered ${sent.status}`)
}

const DEFAULT_SECONDS = 300

const seconds = (text: string | undefined): number => {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 ? value : DEFAULT_SECONDS
}
