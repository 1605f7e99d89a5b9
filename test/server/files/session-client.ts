import {
  fileSessionReply,
  operationsReply,
  readBatchReply,
  type WriteRequest,
  writeBatchReply,
} from '../../../src/api/files.ts'
import { asClient, type startServer } from '../start-server.ts'

export type Server = Awaited<ReturnType<typeof startServer>>
type Headers = Record<string, string>

export const base64 = (text: string): string => Buffer.from(text).toString('base64')
export const textOf = (item: object | undefined): string =>
  item && 'contentBase64' in item ? Buffer.from(String(item.contentBase64), 'base64').toString() : ''

/** Status and code of a refusal. */
export async function refusal(response: Response): Promise<[number, unknown]> {
  const body = (await response.json()) as { code?: unknown }
  return [response.status, body.code]
}

/** A file session on the server's workspace; `raw` gives the answer as it is, the others what a success must look like. */
export async function openSession(server: Server, { headers = asClient as Headers, ...body }: OpenOptions = {}) {
  const opened = await server.post(`/workspace/${server.workspaceId}/files/sessions`, headers, body)
  const { session } = fileSessionReply.parse(await opened.json())
  const path = `/files/sessions/${session.id}`
  const raw = (name: string, body: unknown): Promise<Response> => server.post(`${path}/${name}`, headers, body)
  return {
    session,
    path,
    raw,
    read: async (...paths: string[]) => readBatchReply.parse(await (await raw('read-batch', { paths })).json()).items,
    write: async (...writes: WriteRequest[]) =>
      writeBatchReply.parse(await (await raw('write-batch', { writes })).json()),
    operate: async (...operations: object[]) => operationsReply.parse(await (await raw('ops', { operations })).json()),
  }
}

type OpenOptions = { headers?: Headers; ttlSeconds?: unknown; write?: unknown }
