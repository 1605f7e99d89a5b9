import { workspaceConfig } from '../../api/config.ts'
import { ok } from '../../http/route.ts'
import { readProjectConfig } from '../project-config.ts'
import { route } from '../services.ts'

export const readConfig = route({
  method: 'GET',
  path: '/workspace/:id/config',
  summary: "The project's OpenCode and OpenWork settings",
  access: { auth: 'client' },
  reply: ok(workspaceConfig),
  fails: ['workspace_not_found', 'workspace_unauthorized', 'invalid_jsonc'],
  handle: async ({ params: { id } }, { workspaces }) => {
    const config = await readProjectConfig(workspaces.require(id))
    return { ...config, updatedAt: null } // nothing can be changed through this server yet
  },
})
