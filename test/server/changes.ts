import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ok } from '../../src/http/route.ts'
import { change } from '../../src/server/change.ts'
import { requireWorkspace, route } from '../../src/server/services.ts'
import { startServer } from './start-server.ts'

/** A change as simple as one can be, made the way all are: it writes a file of the name given. */
const writeNamed = (ask: boolean) =>
  route({
    method: 'POST',
    path: ask ? '/workspace/:id/change' : '/workspace/:id/change-unasked',
    summary: 'A change',
    access: { auth: 'client', scope: 'collaborator', writes: true },
    body: z.object({ name: z.string() }),
    reply: ok(z.object({ written: z.string() })),
    fails: [],
    async handle(call, services) {
      const { name } = call.body
      const workspace = requireWorkspace(services, call.params.id)
      const path = join(workspace.path, name)
      const question = ask
        ? ({ action: 'config.patch', summary: `Write ${name}`, paths: [path] } as const)
        : ({ ask: false } as const)
      return change(services, call, workspace, question, async () => {
        await writeFile(path, name)
        return { result: { written: name }, audit: [{ action: 'test.write', target: path, summary: `Wrote ${name}` }] }
      })
    },
  })

/** A server with a route that changes something, asking, and one that does not ask. */
export async function startChanging(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer({ ...options, routes: [writeNamed(true), writeNamed(false)] })
  return {
    ...server,
    change: (name: string, headers: Record<string, string>, init: RequestInit = {}): Promise<Response> =>
      server.call(`/workspace/${server.workspaceId}/change`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ name }),
        ...init,
      }),
    exists: (name: string): Promise<boolean> => Bun.file(join(server.workspace, name)).exists(),
  }
}
