import { z } from 'zod'
import { type OpenApiDocument, openApiDocument } from '../../http/openapi.ts'
import { ok } from '../../http/route.ts'
import type { FailureCode } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import type { Access } from '../admission.ts'
import { type AnyServerRoute, route, type ServerRoute } from '../services.ts'

const SECURITY_SCHEMES = {
  token: { type: 'http', scheme: 'bearer', description: 'The client token, or an issued one' },
  ownerToken: { type: 'http', scheme: 'bearer', description: 'An issued token of scope owner' },
  hostToken: { type: 'apiKey', in: 'header', name: 'X-OpenWork-Host-Token', description: 'The host token' },
}

function describe({ auth, scope, writes }: Access): { security: string[]; fails: FailureCode[] } {
  if (auth === 'none') return { security: [], fails: [] }
  return {
    security: [auth === 'host' ? 'ownerToken' : 'token', 'hostToken'],
    fails: [
      'unauthorized',
      'too_many_attempts',
      ...(scope && scope !== 'viewer' ? (['forbidden'] as const) : []),
      ...(writes ? (['read_only'] as const) : []),
    ],
  }
}

/** The page that describes all routes, itself included; made when it is first asked for. */
export function describeRoutes(routes: () => readonly AnyServerRoute[]): ServerRoute {
  let document: OpenApiDocument | undefined
  return route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description: every route, what it takes, answers and refuses',
    access: { auth: 'client' },
    reply: ok(z.record(z.string(), z.unknown())),
    fails: [],
    handle: () =>
      (document ??= openApiDocument(routes(), {
        title: 'openwork-server',
        version: VERSION,
        description: 'Publishes workspace folders, and the opencode working in them, to remote clients.',
        securitySchemes: SECURITY_SCHEMES,
        describe,
      })),
  })
}
