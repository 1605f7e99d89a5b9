import type { z } from 'zod'
import { type RuntimeVersions, runtimeVersions, type UpgradeStarted, upgradeStarted } from '../api/runtime.ts'
import { type FailureCode, OpenworkError, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import type { ServerSettings } from './settings.ts'

const LIMIT_MS = 5_000

/** What the host may have against a request: for whoever made it, in the host's own words. */
const PASSED_ON = ['invalid_services', 'upgrade_in_progress'] as const satisfies FailureCode[]

/**
 * The orchestrator that started this server, asked over its control server. Every call throws
 * `runtime_upgrade_unavailable` when there is none, and `runtime_upgrade_failed` when it does not answer or cannot do it.
 * Whatever it refuses has its status, and its answer in the details; what is wrong with the request has its code, too.
 */
export class RuntimeControl {
  readonly #control: ServerSettings['control']

  constructor(control: ServerSettings['control']) {
    this.#control = control
  }

  get isAvailable(): boolean {
    return this.#control !== undefined
  }

  versions(): Promise<RuntimeVersions> {
    return this.#ask('GET', '/runtime/versions', runtimeVersions)
  }

  upgrade(request: { services?: string[] | undefined }): Promise<UpgradeStarted> {
    return this.#ask('POST', '/runtime/upgrade', upgradeStarted, request)
  }

  async #ask<Result>(method: string, path: string, reply: z.ZodType<Result>, body?: unknown): Promise<Result> {
    if (!this.#control)
      throw new OpenworkError('runtime_upgrade_unavailable', 'This server was not started by an openwork host')
    const { status, text } = await exchange(this.#control, { method, path, body })
    const answer = parsedOrText(text)
    if (status < 200 || status >= 300) throw refused(status, answer)
    const parsed = reply.safeParse(answer)
    if (parsed.success) return parsed.data
    throw failed('The openwork host answered something else than was asked', { answer })
  }
}

type Control = NonNullable<ServerSettings['control']>

async function exchange(
  { baseUrl, token }: Control,
  { method, path, body }: { method: string; path: string; body: unknown },
): Promise<{ status: number; text: string }> {
  const url = `${baseUrl.replace(/\/+$/, '')}${path}`
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token.reveal()}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // The token goes to the host that was named, not where that one points.
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
      ...fetchRoute(url),
    })
    return { status: response.status, text: await response.text() }
  } catch (cause) {
    const details = { target: baseUrl, reason: systemCode(cause) ?? 'no_answer' }
    throw failed('The openwork host does not answer', details, { status: 503, cause })
  }
}

/** A redirect is passed on as what it is here: no answer that anyone could use. */
function refused(status: number, answer: unknown): OpenworkError {
  const details = isObject(answer) ? answer : { answer }
  const code = PASSED_ON.find(code => code === details.code)
  if (code !== undefined && status >= 400 && status < 500)
    return new OpenworkError(code, String(details.message), { status, details })
  return failed(`The openwork host refused, with status ${status}`, details, { status: status >= 400 ? status : 502 })
}

const failed = (
  message: string,
  details: Record<string, unknown>,
  options: { status?: number; cause?: unknown } = {},
): OpenworkError => new OpenworkError('runtime_upgrade_failed', message, { details, ...options })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parsedOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // shown as it is: it is in the details of a failure
  }
}
