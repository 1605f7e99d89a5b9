import { join } from 'node:path'
import { isExempt } from '../../scripts/test/route-coverage.ts'
import { EXEMPTIONS } from '../../scripts/test/route-exemptions.ts'
import type { OpenApiDocument } from '../../src/http/openapi.ts'
import { asHost, type startServer } from './start-server.ts'

type Server = Awaited<ReturnType<typeof startServer>>

/** A request of an operation: to be changed until it is refused. */
export type Attempt = { path: string; headers: Record<string, string>; body?: string }

/** What the parameters of paths stand for. */
export type Ids = { workspace: string; session: string; token: string; pairing: string; approval: string; rest: string }

export type Operation = { method: string; path: string; codes: readonly string[]; takesBody: boolean }

/** What the server says it answers, without the failures that no test is asked to provoke. */
export async function operationsOf(server: Server): Promise<Operation[]> {
  const { body } = await server.json('/openapi.json', { headers: asHost })
  return Object.entries((body as OpenApiDocument).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([verb, { responses, requestBody }]) => {
      const method = verb.toUpperCase()
      const answers = Object.entries(responses as Record<string, { description: string }>)
      const codes = answers.flatMap(([status, { description }]) =>
        Number(status) >= 400 ? description.split(', ') : [],
      )
      return {
        method,
        path,
        codes: codes.filter(code => !isExempt(EXEMPTIONS, `${method} ${path}`, code)),
        takesBody: requestBody !== undefined,
      }
    }),
  )
}

/** The same operation without the mount it may be reached under. */
const unmounted = ({ path }: Operation): string => path.replace(/^\/w\/\{(?:mountId|id)\}(?=\/)/, '')

/** Something of each kind, as the host would make it. */
export async function idsOf(server: Server): Promise<Ids> {
  const made = async (path: string, body: unknown): Promise<Record<string, unknown>> =>
    (await (await server.post(path, asHost, body)).json()) as Record<string, unknown>
  const { id: token } = await made('/tokens', { scope: 'viewer' })
  const { id: pairing } = await made('/pairings', {})
  const { session } = await made(`/workspace/${encodeURIComponent(server.workspaceId)}/files/sessions`, {})
  return {
    workspace: server.workspaceId,
    session: String((session as { id: string } | undefined)?.id),
    token: String(token),
    pairing: String(pairing),
    approval: 'unknown',
    rest: 'session',
  }
}

function pathOf({ path }: Operation, ids: Ids): string {
  const kindOf = (name: string): string => {
    if (name === 'path') return ids.rest
    if (name === 'sessionId') return ids.session
    if (path.startsWith('/tokens/')) return ids.token
    if (path.startsWith('/pairings/')) return ids.pairing
    return path.startsWith('/approvals/') ? ids.approval : ids.workspace
  }
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => kindOf(name))
}

let count = 0

/** What the host would send, and be answered: each time another change. */
export function validAttempt(server: Server, operation: Operation, ids: Ids): Attempt {
  const query =
    unmounted(operation).endsWith('/files/stat') || operation.path.endsWith('/files/raw') ? '?path=a.txt' : ''
  const body = bodyOf(server, operation)
  return {
    path: `${pathOf(operation, ids)}${operation.method === 'GET' ? query : ''}`,
    headers: { ...asHost },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }
}

function bodyOf(server: Server, operation: Operation): object | undefined {
  if (!operation.takesBody) return undefined
  count += 1
  switch (unmounted(operation)) {
    case '/workspaces/holds':
      return { ttlMs: 1 } // or a request for opencode waits for its end
    case '/workspaces/local':
      return { folderPath: join(server.folder, `new-${count}`) }
    case '/workspaces/{id}/display-name':
      return { displayName: `Name ${count}` }
    case '/tokens':
      return { scope: 'viewer' }
    case '/pairings/claim':
      return { code: 'unknown' }
    case '/approvals/{id}':
      return { reply: 'allow' }
    case '/workspace/{id}/config':
      return { openwork: { count } }
    case '/files/sessions/{sessionId}/read-batch':
      return { paths: ['a.txt'] }
    case '/files/sessions/{sessionId}/write-batch':
      return { writes: [{ path: `written-${count}`, contentBase64: '' }] }
    case '/files/sessions/{sessionId}/ops':
      return { operations: [{ type: 'mkdir', path: `folder-${count}` }] }
    case '/workspace/{id}/files/raw':
      return { path: `raw-${count}`, dataBase64: '' }
    default:
      return {}
  }
}
