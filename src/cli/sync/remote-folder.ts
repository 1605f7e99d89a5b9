import type { z } from 'zod'
import { capabilities } from '../../api/capabilities.ts'
import { catalogPage } from '../../api/catalog.ts'
import {
  fileSessionClosed,
  fileSessionReply,
  fileStat,
  operationsReply,
  readBatchReply,
  writeBatchReply,
} from '../../api/files.ts'
import { openworkClient } from '../../api/openwork-client.ts'
import { askServer, type OpenworkClientOptions } from '../../api/request.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { RemoteFile } from './plan.ts'

const PAGE = 10_000
/** Far beyond any folder that people sync; without a limit, a server could have us take all memory. */
const MAX_ENTRIES = 1_000_000
/** Beyond the time an approval may take. */
const TIMEOUT_MS = 60_000

export type ItemFailure = { readonly ok: false; readonly code: string; readonly message: string }
export type RemoteContent = { readonly ok: true; readonly bytes: Uint8Array; readonly revision: string }
export type RemoteWrite = {
  /** Relative to the folder. */
  readonly path: string
  readonly bytes: Uint8Array
  /** What must be there for the write to happen. */
  readonly expected: 'nothing' | { readonly revision: string }
}
export type RemoteWritten = { readonly ok: true; readonly revision: string }

const page = catalogPage.pick({ items: true, truncated: true, nextAfter: true })
const approvals = capabilities.pick({ approvals: true })

type Place = { workspaceId: string; prefix: string; write: boolean }

/** A folder of a workspace, through a file session that is opened anew when the server has forgotten it. */
export class RemoteFolder {
  readonly #server: OpenworkClientOptions
  readonly #place: Place
  #sessionId: string

  private constructor(server: OpenworkClientOptions, place: Place, sessionId: string) {
    this.#server = server
    this.#place = place
    this.#sessionId = sessionId
  }

  /**
   * `workspaceId`: the active one when left out. `prefix`: as `parsePrefix` makes it. The caller closes it. Throws
   * `workspace_not_found`, `forbidden` when `write` is asked for and the token or the server does not allow it, and what
   * the calls of an `OpenworkClient` throw.
   */
  static async open(
    connection: Omit<OpenworkClientOptions, 'timeoutMs'>,
    { workspaceId, prefix, write }: { workspaceId: string | undefined; prefix: string; write: boolean },
  ): Promise<RemoteFolder> {
    const server = { ...connection, timeoutMs: TIMEOUT_MS }
    const id = workspaceId ?? (await openworkClient(server).workspaces()).activeId
    if (id === null) throw new OpenworkError('workspace_not_found', 'The server has no workspace')
    const place = { workspaceId: id, prefix, write }
    const { mode, timeoutMs } = (await askServer(server, { method: 'GET', path: '/capabilities' }, approvals)).approvals
    const patient = { ...server, timeoutMs: TIMEOUT_MS + (mode === 'manual' ? timeoutMs : 0) }
    return new RemoteFolder(patient, place, await openSession(server, place))
  }

  get workspaceId(): string {
    return this.#place.workspaceId
  }

  /**
   * Every file, by its path relative to the folder; what the server leaves out of its listings is not there. Throws
   * `server_invalid_answer` for a listing without end.
   */
  async list(): Promise<Map<string, RemoteFile>> {
    const { prefix } = this.#place
    const files = new Map<string, RemoteFile>()
    let entries = 0
    for (let after: string | undefined, more = true; more; ) {
      const query = new URLSearchParams({ includeDirs: 'false', limit: String(PAGE) })
      if (prefix !== '') query.set('prefix', prefix)
      if (after !== undefined) query.set('after', after)
      const { items, truncated, nextAfter } = await this.#ask('GET', `/catalog/snapshot?${query}`, page)
      entries += items.length
      if (entries > MAX_ENTRIES) throw invalidListing(`has more than ${MAX_ENTRIES} entries`)
      for (const { path, kind, size, revision } of items) {
        if (prefix !== '' && path === prefix)
          throw new OpenworkError('invalid_value', `${prefix} is a file there; the remote prefix has to be a folder`)
        const relative = this.#relative(path)
        if (kind === 'file' && relative !== undefined) files.set(relative, { size, revision })
      }
      more = truncated && nextAfter !== undefined
      if (more && after !== undefined && !isBehind(nextAfter, after)) throw invalidListing('does not go on')
      after = nextAfter
    }
    return files
  }

  /** In the order asked for; at most 64 paths and 32 MB. */
  async read(paths: readonly string[]): Promise<(RemoteContent | ItemFailure)[]> {
    const body = { paths: paths.map(path => this.#absolute(path)) }
    const { items } = await this.#ask('POST', '/read-batch', readBatchReply, body)
    return paired(paths, items).map(item =>
      item.ok ? { ok: true, revision: item.revision, bytes: Buffer.from(item.contentBase64, 'base64') } : item,
    )
  }

  /** In the order asked for; at most 64 writes and 32 MB. An item is refused with `conflict` instead of overwriting. */
  async write(writes: readonly RemoteWrite[]): Promise<readonly (RemoteWritten | ItemFailure)[]> {
    const body = {
      writes: writes.map(({ path, bytes, expected }) => ({
        path: this.#absolute(path),
        contentBase64: Buffer.from(bytes).toString('base64'),
        ...(expected === 'nothing' ? { createOnly: true } : { ifMatchRevision: expected.revision }),
      })),
    }
    const { items } = await this.#ask('POST', '/write-batch', writeBatchReply, body)
    return paired(writes, items)
  }

  /** In the order asked for; at most 64. */
  async delete(paths: readonly string[]): Promise<readonly ({ readonly ok: true } | ItemFailure)[]> {
    const operations = paths.map(path => ({ type: 'delete', path: this.#absolute(path) }))
    const { items } = await this.#ask('POST', '/ops', operationsReply, { operations })
    return paired(paths, items)
  }

  /** Undefined when there is no such file. */
  async revisionOf(path: string): Promise<string | undefined> {
    const query = new URLSearchParams({ path: this.#absolute(path) })
    const target = `/workspace/${encodeURIComponent(this.#place.workspaceId)}/files/stat?${query}`
    return (await askServer(this.#server, { method: 'GET', path: target }, fileStat)).revision
  }

  /** A session that the server has forgotten counts as closed, and so does one it cannot be told of. */
  async close(): Promise<void> {
    await this.#askOnce('DELETE', '', fileSessionClosed).catch((error: unknown) => {
      if (!(error instanceof OpenworkError)) throw error
    })
  }

  /** Sessions end by themselves, and with the server: a call is then made once more, in a new one. */
  async #ask<Reply>(method: string, path: string, reply: z.ZodType<Reply>, body?: unknown): Promise<Reply> {
    try {
      return await this.#askOnce(method, path, reply, body)
    } catch (error) {
      if (!(error instanceof OpenworkError && error.code === 'file_session_not_found')) throw error
      this.#sessionId = await openSession(this.#server, this.#place)
      return this.#askOnce(method, path, reply, body)
    }
  }

  #askOnce<Reply>(method: string, path: string, reply: z.ZodType<Reply>, body?: unknown): Promise<Reply> {
    const session = `/files/sessions/${encodeURIComponent(this.#sessionId)}`
    return askServer(this.#server, { method, path: `${session}${path}`, body }, reply)
  }

  /** With the name that the protocol has for the workspace: a folder of ours called `workspace` is then not taken for it. */
  #absolute(path: string): string {
    return ['', 'workspace', ...(this.#place.prefix === '' ? [] : [this.#place.prefix]), path].join('/')
  }

  #relative(path: string): string | undefined {
    const { prefix } = this.#place
    if (prefix === '') return path
    return path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined
  }
}

async function openSession(server: OpenworkClientOptions, { workspaceId, write }: Place): Promise<string> {
  const path = `/workspace/${encodeURIComponent(workspaceId)}/files/sessions`
  const { session } = await askServer(server, { method: 'POST', path, body: { write } }, fileSessionReply)
  if (write && !session.canWrite)
    throw new OpenworkError('forbidden', 'This token, or this server, allows no writing', {
      hint: 'A read-only server and a viewer token can only be synced with --direction down',
    })
  return session.id
}

const invalidListing = (what: string): OpenworkError =>
  new OpenworkError('server_invalid_answer', `The server's listing ${what}`)

/** In the order of listings, which is that of the bytes. */
const isBehind = (path: string | undefined, before: string): boolean =>
  path !== undefined && Buffer.compare(Buffer.from(path), Buffer.from(before)) > 0

/** As many answers as questions, or else it cannot be told which is whose. Throws `server_invalid_answer`. */
function paired<Item>(asked: readonly unknown[], items: readonly Item[]): readonly Item[] {
  if (items.length === asked.length) return items
  throw new OpenworkError('server_invalid_answer', `The server answered ${items.length} of ${asked.length} items`)
}

/** `docs/`, `/docs` → `docs`; empty for the whole workspace. Throws `invalid_value`. */
export function parsePrefix(given: string): string {
  const segments = given
    .trim()
    .replaceAll('\\', '/')
    .split('/')
    .filter(segment => segment !== '' && segment !== '.')
  if (segments.includes('..') || given.includes('\0'))
    throw new OpenworkError('invalid_value', `"${given}" is not a folder inside the workspace`)
  return segments.join('/')
}
