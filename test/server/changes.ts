import { join } from 'node:path'
import { asHost, startServer } from './start-server.ts'

/** A server and the simplest change that the host is asked for: it writes a file that holds its own name. */
export async function startChanging(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options)
  return {
    ...server,
    change: (
      name: string,
      headers: Record<string, string>,
      { workspaceId = server.workspaceId, ...init }: RequestInit & { workspaceId?: string } = {},
    ): Promise<Response> =>
      server.call(`/workspace/${encodeURIComponent(workspaceId)}/files/raw`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ path: name, dataBase64: btoa(name) }),
        ...init,
      }),
    /** A change that nobody is asked for. */
    changeUnasked: (): Promise<Response> => server.post(`/workspaces/${server.workspaceId}/activate`, asHost),
    exists: (name: string): Promise<boolean> => Bun.file(join(server.workspace, name)).exists(),
  }
}
