import type { AccessQuestion } from '../../http/route.ts'
import type { Access } from '../admission.ts'
import type { ServerStreamRoute } from '../services.ts'

const FOR_ANY_CLIENT = new Set(['/', '/health'])
const FOR_COLLABORATORS = new Set(['/bindings', '/identities/telegram', '/identities/slack'])

/** The path behind the mount, as received. */
const restOf = (path: string): string => path.replace(/^(?:\/w\/[^/]+)?\/opencode-router/, '')

/** What the router shows and lets change is its owner's, except its health and who it talks with. */
function accessByPath({ request: { method }, path }: AccessQuestion): Access {
  const rest = restOf(path).replace(/\/$/, '') || '/'
  if (method === 'GET' && FOR_ANY_CLIENT.has(rest)) return { auth: 'client' }
  if (method === 'GET' && FOR_COLLABORATORS.has(rest)) return { auth: 'client', scope: 'collaborator' }
  return { auth: 'host' }
}

const routerRoute = (path: string, handle: ServerStreamRoute['handle']): ServerStreamRoute => ({
  kind: 'stream',
  path,
  summary: 'opencode-router, when there is one',
  access: accessByPath,
  fails: [
    'opencodeRouter_unconfigured',
    'opencodeRouter_unreachable',
    ...(path.startsWith('/w/') ? (['workspace_not_found', 'workspace_unauthorized'] as const) : []),
  ],
  handle,
})

export const opencodeRouterRoutes = [
  routerRoute('/opencode-router/*', (call, { router }) => router.handle(call, restOf(call.exchange.path))),
  routerRoute('/w/:id/opencode-router/*', async (call, { workspaces, router }) => {
    workspaces.require(call.params.id ?? '')
    return router.handle(call, restOf(call.exchange.path))
  }),
]
