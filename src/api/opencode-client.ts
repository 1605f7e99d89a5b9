import { z } from 'zod'
import { messageOf, OpenworkError, systemCode } from '../shared/errors.ts'
import { fetchRoute } from '../shared/loopback.ts'
import type { Secret } from '../shared/secret.ts'
import { basicAuth } from '../shared/url.ts'
import { opencodePath } from './daemon.ts'
import type { ConfigProblem, EngineWork } from './hot-reload.ts'
import { directoryParam } from './opencode-directory.ts'
import { readEvents } from './read-events.ts'
import { parseOrUndefined, readAnswer } from './request.ts'

/** An event of opencode's `/global/event`. Some concern no directory. */
export type OpencodeEvent = {
  directory: string | undefined
  type: string
  properties: Readonly<Record<string, unknown>>
}

/** What opencode serves for a directory, by name. */
export type Served = Readonly<Record<'commands' | 'agents' | 'skills', readonly string[]>>

/**
 * `terminals` (default true): false for a directory that is known to have none. The first such question about each of 50
 * instances cost opencode 30 MB and 0.4 s (1.18.33), where the others are answered from memory.
 */
export type WorkOptions = { terminals: boolean }

/**
 * The calls of opencode (1.18.33) that we make. Asking about a directory makes its instance where there is none, so ask
 * only about those that have one, or should. Every call has a time limit, and throws `opencode_unreachable`,
 * `opencode_invalid_answer`, or `opencode_config_invalid` for a directory whose config opencode refuses (details
 * `problems`, a list of `ConfigProblem`): 1.18.33 refuses it until it is started anew, whatever the files say later.
 */
export type OpencodeClient = {
  isHealthy(limitMs?: number): Promise<boolean>
  /** Sessions at work, questions and permissions that wait, terminals that run. */
  work(directory: string, options?: WorkOptions): Promise<EngineWork>
  /** opencode's answer. Ends what runs there. */
  dispose(directory: string): Promise<boolean>
  /** The same for every directory; its clients are told to read anew. */
  disposeAll(): Promise<void>
  /** Waits until the directory's plugins and MCP servers have started. */
  served(directory: string): Promise<Served>
  path(directory: string): Promise<z.infer<typeof opencodePath>>
  /**
   * JSON schema of a config file, complete in itself: the one built in where opencode has its version. Else its own, asked
   * for once, which it works on for a second.
   */
  configSchema(): Promise<unknown>
  /** Those of all directories, until `signal` is aborted; throws when the stream ends. */
  events(signal: AbortSignal): AsyncGenerator<OpencodeEvent>
}

export type OpencodeClientOptions = { baseUrl: string; username: Secret; password: Secret }

const HEALTH_LIMIT_MS = 2_000
/** Answered from memory. */
const STATUS_LIMIT_MS = 5_000
const DISPOSE_LIMIT_MS = 10_000
/** Plugins and MCP servers start before this is answered. */
const BOOT_LIMIT_MS = 30_000
/** opencode says at once that one listens to its events; asked while it boots it never does, and the next to ask is told. */
const CONNECT_LIMIT_MS = 1_000
/** It sends a heartbeat every 10 s. */
const MAX_SILENCE_MS = 35_000
/** What opencode says of a refusal is passed on so far. */
const MAX_REFUSAL_LENGTH = 2_000

const health = z.looseObject({ healthy: z.boolean(), version: z.string().optional() })
const identified = z.array(z.looseObject({ id: z.string() }))
const sessionStates = z.record(z.string(), z.looseObject({ type: z.string() }))
const terminals = z.array(z.looseObject({ id: z.string(), status: z.string() }))
const named = z.array(z.looseObject({ name: z.string() }))
const nameOf = ({ name }: { name: string }): string => name

/**
 * Calls of an opencode. Over `fetch`, not with `@opencode-ai/sdk`: that takes any answer for the one it declares, sends
 * the password where a redirect points, begins an event stream anew without end and never notices that one fell silent.
 */
export function opencodeClient(options: OpencodeClientOptions): OpencodeClient {
  const ask = <Result>(ask: Omit<Ask, 'method'> & { method?: Ask['method'] }, reply: z.ZodType<Result>) =>
    askOpencode(options, { method: 'GET', ...ask }, reply)
  let schema: Promise<unknown> | undefined
  const findConfigSchema = async (): Promise<unknown> => {
    const { version } = await ask({ path: '/global/health', limitMs: HEALTH_LIMIT_MS }, health)
    const known = await import('./opencode-config-schema.generated.ts')
    if (version === known.VERSION) return known.CONFIG_SCHEMA
    return configSchemaOf(await ask({ path: '/doc', limitMs: DISPOSE_LIMIT_MS }, openApi))
  }
  return {
    isHealthy: async (limitMs = HEALTH_LIMIT_MS) => {
      try {
        return (await ask({ path: '/global/health', limitMs }, health)).healthy
      } catch (error) {
        if (error instanceof OpenworkError) return false
        throw error
      }
    },
    async work(directory, { terminals: asksTerminals } = { terminals: true }) {
      const list = { directory, limitMs: STATUS_LIMIT_MS }
      const [sessions, permissions, questions, ptys] = await Promise.all([
        ask({ path: '/session/status', ...list }, sessionStates),
        ask({ path: '/permission', ...list }, identified),
        ask({ path: '/question', ...list }, identified),
        asksTerminals ? ask({ path: '/pty', ...list }, terminals).catch(noneWhereNoneCanBe) : [],
      ])
      return {
        sessions: Object.keys(sessions).filter(id => sessions[id]?.type !== 'idle'),
        permissions: permissions.map(({ id }) => id),
        questions: questions.map(({ id }) => id),
        terminals: ptys.filter(({ status }) => status === 'running').map(({ id }) => id),
      }
    },
    dispose: directory =>
      ask({ method: 'POST', path: '/instance/dispose', directory, limitMs: DISPOSE_LIMIT_MS }, z.boolean()),
    async disposeAll() {
      await ask({ method: 'POST', path: '/global/dispose', limitMs: DISPOSE_LIMIT_MS }, z.boolean())
    },
    async served(directory) {
      const list = async (path: string) => (await ask({ path, directory, limitMs: BOOT_LIMIT_MS }, named)).map(nameOf)
      const [commands, agents, skills] = await Promise.all([list('/command'), list('/agent'), list('/skill')])
      return { commands, agents, skills }
    },
    path: directory => ask({ path: '/path', directory, limitMs: BOOT_LIMIT_MS }, opencodePath),
    configSchema() {
      schema ??= findConfigSchema()
      schema.catch(() => {
        schema = undefined
      })
      return schema
    },
    events: signal => receive(options, signal),
  }
}

/**
 * Of a folder that was not there when it was first asked about terminals, opencode (1.18.33) answers this with 500 until its
 * instance is disposed of, also once the folder is back. Where it could not begin with terminals none can run.
 */
function noneWhereNoneCanBe(error: unknown): [] {
  if (error instanceof OpenworkError && answeredWith.safeParse(error.details).data?.status === 500) return []
  throw error
}

const answeredWith = z.looseObject({ status: z.number() })

type Ask = { method: 'GET' | 'POST'; path: string; directory?: string; limitMs: number }

/** One call, with the promises of `OpencodeClient`: for what has a file of its own. */
export async function askOpencode<Result>(options: OpencodeClientOptions, ask: Ask, reply: z.ZodType<Result>) {
  const url = new URL(`${options.baseUrl.replace(/\/+$/, '')}${ask.path}`)
  if (ask.directory !== undefined) url.searchParams.set('directory', directoryParam(ask.directory))
  let answer: { status: number; text: string }
  try {
    const response = await request(options, url, ask.method, AbortSignal.timeout(ask.limitMs))
    answer = { status: response.status, text: await readAnswer(url.href, response) }
  } catch (cause) {
    throw unreachable(url, cause, ask.limitMs)
  }
  if (answer.status !== 200) throw refusal(url, answer)
  const parsed = reply.safeParse(parseOrUndefined(answer.text))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new OpenworkError('opencode_invalid_answer', `opencode gave no answer of its own to ${ask.path}`, {
    details: { target: url.origin, issue: issue && `${issue.path.join('.')}: ${issue.message}` },
  })
}

const request = (options: OpencodeClientOptions, url: URL, method: string, signal: AbortSignal): Promise<Response> =>
  fetch(url, {
    method,
    headers: { authorization: basicAuth(options.username, options.password).reveal() },
    redirect: 'manual',
    signal,
    ...fetchRoute(url),
  })

function unreachable(url: URL, cause: unknown, limitMs: number): OpenworkError {
  const timedOut = cause instanceof DOMException && cause.name === 'TimeoutError'
  const reason = timedOut ? `no answer within ${limitMs} ms` : (systemCode(cause) ?? messageOf(cause))
  return new OpenworkError('opencode_unreachable', 'opencode does not answer: it is starting, restarting or gone', {
    cause,
    details: { target: url.origin, path: url.pathname, reason },
  })
}

/** Everything opencode refuses a directory for because of its files begins so: `ConfigJsonError`, `ConfigInvalidError`, … */
const configRefusal = z.object({
  name: z.string().startsWith('Config'),
  data: z.looseObject({
    path: z.string().optional(),
    message: z.string().optional(),
    issues: z
      .array(z.looseObject({ message: z.string(), path: z.array(z.union([z.string(), z.number()])) }))
      .optional(),
  }),
})

function refusal(url: URL, { status, text }: { status: number; text: string }): OpenworkError {
  const config = configRefusal.safeParse(parseOrUndefined(text)).data
  if (!config)
    return new OpenworkError('opencode_invalid_answer', `opencode answered ${url.pathname} with status ${status}`, {
      details: { target: url.origin, status, body: text.slice(0, MAX_REFUSAL_LENGTH) },
    })
  const problem = problemOf(config)
  const place = problem.line === undefined ? problem.path : `${problem.path}:${problem.line}:${problem.column}`
  return new OpenworkError('opencode_config_invalid', `opencode refuses ${place}: ${problem.message}`, {
    hint: 'Correct the file; opencode reads it again after a restart',
    details: { problems: [problem] },
  })
}

/** Of a file that is no JSON opencode repeats the whole text, keys of providers and all: that is not passed on. */
const saidOf = (message: string | undefined): string | undefined =>
  message?.includes('--- JSONC Input ---') ? message.split('--- Errors ---\n').at(-1) : message

function problemOf({ name, data }: z.infer<typeof configRefusal>): ConfigProblem {
  const issues = data.issues?.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
  const said = saidOf(data.message)
  const [, error, line, column] = /^(\w+) at line (\d+), column (\d+)/.exec(said ?? '') ?? []
  return {
    path: data.path ?? 'its configuration',
    ...(error !== undefined && { line: Number(line), column: Number(column) }),
    message: (issues?.join('; ') || error || said || name).slice(0, MAX_REFUSAL_LENGTH),
  }
}

export const openApi = z.looseObject({
  components: z.looseObject({
    schemas: z.record(z.string(), z.unknown()).refine(({ Config }) => Config !== undefined),
  }),
})

/** The schema of config files. With the schemas it refers to as `$defs`, so that it stands for itself. */
export function configSchemaOf({ components: { schemas } }: z.infer<typeof openApi>): unknown {
  const needed = new Map<string, unknown>()
  const take = (name: string): void => {
    if (needed.has(name) || !Object.hasOwn(schemas, name)) return
    needed.set(name, undefined)
    const copy = JSON.parse(JSON.stringify(schemas[name]), (key, value) => {
      const target = key === '$ref' ? /^#\/components\/schemas\/(.+)$/.exec(String(value))?.[1] : undefined
      if (target === undefined) return value
      take(target)
      return `#/$defs/${target}`
    })
    needed.set(name, copy)
  }
  take('Config')
  return { $ref: '#/$defs/Config', $defs: Object.fromEntries(needed) }
}

/** opencode's events have no kind of their own in the stream, and the directory beside them. */
const globalEvent = z.object({
  directory: z.string().optional(),
  payload: z.object({ type: z.string(), properties: z.record(z.string(), z.unknown()).optional() }),
})

async function* receive(options: OpencodeClientOptions, signal: AbortSignal): AsyncGenerator<OpencodeEvent> {
  const url = new URL(`${options.baseUrl.replace(/\/+$/, '')}/global/event`)
  const stream = {
    open: async (whenGone: AbortSignal) => {
      const response = await request(options, url, 'GET', whenGone)
      if (response.status === 200) return response
      throw refusal(url, { status: response.status, text: await readAnswer(url.href, response) })
    },
    openWithinMs: CONNECT_LIMIT_MS,
    maxSilenceMs: MAX_SILENCE_MS,
    endless: () => new Error('an event without end'),
    unreachable: (cause: unknown, limitMs: number) => unreachable(url, cause, limitMs),
  }
  for await (const { data } of readEvents(stream, signal)) {
    const event = eventOf(data)
    if (event) yield event
  }
}

/** Undefined for what is none of opencode's: an event that a later one sends must not end the stream. */
function eventOf(data: string): OpencodeEvent | undefined {
  const { directory, payload } = globalEvent.safeParse(parseOrUndefined(data)).data ?? {}
  return payload && { directory, type: payload.type, properties: payload.properties ?? {} }
}
