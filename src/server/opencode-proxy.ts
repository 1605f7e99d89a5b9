import type { Workspace } from '../api/workspaces.ts'
import { KEEP_ALIVE_MS } from '../http/event-stream.ts'
import type { OpenStreams } from '../http/open-streams.ts'
import { forward, isEventStream, UpstreamFailure } from '../http/reverse-proxy.ts'
import type { StreamCall } from '../http/route.ts'
import { OpenworkError } from '../shared/errors.ts'
import { type Caller, requireScope } from './admission.ts'
import { confine } from './opencode-bounds.ts'
import type { OpencodeHolds } from './opencode-holds.ts'
import {
  beginsWork,
  decoded,
  directoryHeader,
  directoryOf,
  dropOtherWorkspace,
  type Engine,
  isPromptReply,
  opencodeUrl,
  pinDirectory,
  requireEngine,
  showsCredentials,
  unreachable,
} from './opencode-target.ts'
import type { OpencodeUse } from './opencode-use.ts'
import { UpstreamTrust } from './upstream-trust.ts'
import type { Workspaces } from './workspaces.ts'

/** A prompt may be answered after an hour; meanwhile opencode is asked this often whether it is still there. */
const LIVENESS_MS = 15_000

const DROPPED_HEADERS = ['authorization', 'x-openwork-host-token', 'x-openwork-client-id', 'origin', 'cookie']
const DROPPED_OF_CLIENTS = [...DROPPED_HEADERS, 'x-opencode-workspace']
const DROPPED_WHEN_MOUNTED = [...DROPPED_OF_CLIENTS, 'x-opencode-directory']

type ProxiedRequest = Pick<StreamCall<Caller>, 'exchange' | 'caller' | 'stillAdmitted'> & {
  workspace: Workspace
  /** The path behind the mount, percent-encoded as received; empty or beginning with `/`. */
  rest: string
  /** Reached under the workspace's own path: its folder is then the only one that can be asked for. */
  mounted: boolean
}

type OpencodeProxyDeps = { workspaces: Workspaces; streams: OpenStreams; use: OpencodeUse; holds: OpencodeHolds }

/** Passes requests on to the opencode of a workspace, under that opencode's credentials. */
export class OpencodeProxy {
  readonly #workspaces: Workspaces
  readonly #streams: OpenStreams
  readonly #use: OpencodeUse
  readonly #holds: OpencodeHolds
  readonly #trust = new UpstreamTrust()
  readonly #engines = new WeakMap<Workspace, Engine>()

  constructor({ workspaces, streams, use, holds }: OpencodeProxyDeps) {
    this.#workspaces = workspaces
    this.#streams = streams
    this.#use = use
    this.#holds = holds
  }

  /**
   * Throws `opencode_unconfigured`, `invalid_path`, `forbidden`, `workspace_unauthorized`, `opencode_unreachable`,
   * `opencode_invalid_answer`, or `workspace_not_found` when the workspace goes before the answer comes.
   */
  async handle({ exchange, caller, stillAdmitted, workspace, rest, mounted }: ProxiedRequest): Promise<Response> {
    const engine = this.#engine(workspace)
    exchange.note = 'opencode'
    exchange.attributes['proxy.service'] = 'opencode'
    exchange.attributes['proxy.base_url'] = engine.baseUrl

    const url = opencodeUrl(engine.baseUrl, rest, exchange.search)
    const isRead = exchange.request.method === 'GET' || exchange.request.method === 'HEAD'
    // Only an owner may say yes on the user's behalf.
    if (!isRead && isPromptReply(url)) requireScope(caller, 'owner')
    if (showsCredentials(url)) requireScope(caller, 'collaborator')
    const directory = await this.#directory(exchange, caller, engine, { url, mounted })

    exchange.keepOpen()
    const used = mounted ? workspace : (this.#named(exchange, url) ?? workspace)
    do {
      if (!this.#holds.isEmpty && !(await this.#waited({ exchange, workspace, used, engine, stillAdmitted })))
        return left()
      if (!this.#trust.isTrusted(engine) && !(await this.#trust.isAnswering(engine))) throw unreachable(engine)
    } while (this.#holds.holds(used)) // meanwhile
    // From here to the request nothing else runs: whoever holds a workspace from now on is told of this one.
    const use = this.#use.begin(used.id, { isQuestion: rest.startsWith('/global/'), isWrite: !isRead })
    const leavesWork = (): boolean => !isRead && (beginsWork(url) || exchange.request.signal.aborted)
    try {
      const answer = await forward(exchange.request, {
        url,
        drop: mounted ? DROPPED_WHEN_MOUNTED : caller.scope === 'owner' ? DROPPED_HEADERS : DROPPED_OF_CLIENTS,
        set: { ...engine.credentials, ...directory },
        liveness: { everyMs: LIVENESS_MS, isAlive: () => this.#trust.isAnswering(engine) },
        streams: this.#streams,
        owner: workspace.id,
        onEnd: () => use.end({ leavesWork: leavesWork() }),
        admission: {
          stillAdmitted: () => {
            this.#workspaces.find(workspace.id) // it may have gone while this one was on its way
            return stillAdmitted()
          },
          everyMs: KEEP_ALIVE_MS,
        },
      })
      this.#trust.answered(engine)
      if (isEventStream(answer.headers)) use.listens()
      return answer
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error
      if (mounted && error.kind !== 'client_gone') this.#workspaces.find(workspace.id)
      return this.#failed(error, engine)
    }
  }

  /** Waits while the workspace is held. False: the client did not wait so long. Throws what has come to be meanwhile. */
  async #waited({
    exchange: { request },
    workspace,
    used,
    engine,
    stillAdmitted,
  }: Pick<ProxiedRequest, 'exchange' | 'workspace' | 'stillAdmitted'> & { used: Workspace; engine: Engine }) {
    if (!this.#holds.holds(used)) return true
    const isOver = await this.#holds.pass(used, { signal: request.signal, streams: this.#streams })
    if (request.signal.aborted) return false
    this.#workspaces.find(workspace.id)
    if (!isOver) throw unreachable(engine)
    await stillAdmitted()
    // It may have been started anew.
    this.#trust.lost(engine)
    return true
  }

  #engine(workspace: Workspace): Engine {
    const engine = this.#engines.get(workspace) ?? requireEngine(workspace)
    this.#engines.set(workspace, engine)
    return engine
  }

  /**
   * The header that names the folder to work in, once the caller's own wish is dealt with. Whoever holds less than an
   * owner token works in the published folders, not wherever opencode can reach.
   */
  async #directory(
    { request }: ProxiedRequest['exchange'],
    caller: Caller,
    { directory: own }: Engine,
    { url, mounted }: { url: URL; mounted: boolean },
  ): Promise<Record<string, string>> {
    const wished = mounted ? null : request.headers.get('x-opencode-directory')
    if (mounted) pinDirectory(url, own)
    if (caller.scope === 'owner') return wished !== null || own === undefined ? {} : named(own)
    dropOtherWorkspace(url)
    const folder = await confine(url, wished, { own, roots: this.#workspaces.roots })
    return folder === undefined ? {} : named(folder)
  }

  /** The workspace that an unmounted request names by its folder. */
  #named({ request }: ProxiedRequest['exchange'], url: URL): Workspace | undefined {
    const header = request.headers.get('x-opencode-directory')
    const folder = directoryOf(url) ?? (header === null ? undefined : decoded(header))
    return folder === undefined ? undefined : this.#workspaces.holding(folder)
  }

  #failed({ kind, message, cause }: UpstreamFailure, engine: Engine): Response {
    switch (kind) {
      case 'client_gone':
        return left()
      case 'invalid_answer':
        throw new OpenworkError('opencode_invalid_answer', `opencode sent no valid HTTP answer: ${message}`, {
          cause,
          details: { target: engine.baseUrl },
        })
      case 'no_answer':
      case 'unreachable':
        this.#trust.lost(engine)
        throw unreachable(engine, cause)
    }
  }
}

/** Nobody reads it; the log shows what nginx would show. */
const left = (): Response => new Response(null, { status: 499 })

const named = (directory: string): Record<string, string> => ({ 'x-opencode-directory': directoryHeader(directory) })
