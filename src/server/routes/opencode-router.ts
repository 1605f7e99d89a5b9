import type { Exchange } from '../../http/exchange.ts'
import { OpenworkError } from '../../shared/errors.ts'
import type { Access } from '../admission.ts'
import type { ServerStreamRoute } from '../services.ts'

const FOR_ANY_CLIENT = new Set(['/', '/health'])
const FOR_COLLABORATORS = new Set(['/bindings', '/identities/telegram', '/identities/slack'])

/** What the router shows and lets change is its owner's, except its health and who it talks with. */
function accessByPath({ request: { method }, path }: Exchange): Access {
  const rest = path.replace(/^(?:\/w\/[^/]+)?\/opencode-router/, '').replace(/\/$/, '') || '/'
  if (method === 'GET' && FOR_ANY_CLIENT.has(rest)) return { auth: 'client' }
  if (method === 'GET' && FOR_COLLABORATORS.has(rest)) return { auth: 'client', scope: 'collaborator' }
  return { auth: 'host' }
}

const unconfigured = (): never => {
  throw new OpenworkError('opencodeRouter_unconfigured', 'No opencode-router belongs to this server')
}

const routerRoute = (path: string, handle: ServerStreamRoute['handle']): ServerStreamRoute => ({
  kind: 'stream',
  path,
  summary: 'opencode-router, when there is one',
  access: accessByPath,
  fails: ['opencodeRouter_unconfigured'],
  handle,
})

export const opencodeRouterRoutes = [
  routerRoute('/opencode-router/*', async () => unconfigured()),
  routerRoute('/w/:id/opencode-router/*', async ({ params: { id = '' } }, { workspaces }) => {
    workspaces.require(id)
    return unconfigured()
  }),
]
