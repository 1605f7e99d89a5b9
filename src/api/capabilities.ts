import { z } from 'zod'
import { approvalPolicy } from './status.ts'
import { scope } from './tokens.ts'

const access = z.object({ read: z.boolean(), write: z.boolean() })

/** What this server can do, for clients that work with servers of several ages. */
export const capabilities = z.object({
  schemaVersion: z.literal(1),
  serverVersion: z.string(),
  skills: access.extend({ source: z.literal('openwork') }),
  hub: z.object({
    skills: z.object({
      read: z.boolean(),
      install: z.boolean(),
      repo: z.object({ owner: z.string(), name: z.string(), ref: z.string() }),
    }),
  }),
  plugins: access,
  mcp: access,
  commands: access,
  config: access,
  /** Adding, naming and forgetting workspaces. */
  workspaces: z.object({ manage: z.boolean() }).optional(),
  /** Being told what opencode should be reloaded for, by polling and as a stream, and reloading it. */
  reload: z.object({ events: z.literal(true), stream: z.literal(true), engine: z.literal(true) }).optional(),
  /** Whether somebody supervises this server who can be asked for versions and upgrades. */
  runtime: z.object({ available: z.boolean() }).optional(),
  /** `stream`: `GET /approvals/events`. */
  approvals: approvalPolicy.extend({ stream: z.literal(true).optional() }),
  /** File sessions, and what goes beyond the published protocol. */
  files: z
    .object({
      sessions: z.literal(true),
      stat: z.literal(true),
      raw: z.literal(true),
      events: z.object({ epoch: z.literal(true), wait: z.literal(true), stream: z.literal(true) }),
    })
    .optional(),
  /** `GET /openapi.json`. */
  openapi: z.literal(true).optional(),
  sandbox: z.object({ enabled: z.boolean(), backend: z.enum(['none', 'docker', 'container']) }),
  ui: z.object({ toy: z.boolean() }),
  /** `pairing`: devices get tokens by one-time codes. */
  tokens: z.object({
    scoped: z.literal(true),
    scopes: z.array(scope),
    pairing: z.literal(true).optional(),
    expiry: z.literal(true).optional(),
    rotation: z.literal(true).optional(),
  }),
  /** `opencodeWrite` is false in read-only mode, where the proxy forwards only GET and HEAD. */
  proxy: z.object({ opencode: z.boolean(), opencodeWrite: z.boolean(), opencodeRouter: z.boolean() }),
  toolProviders: z.object({
    browser: z.object({
      enabled: z.boolean(),
      placement: z.enum(['in-sandbox', 'host-machine', 'client-machine', 'external']),
      mode: z.enum(['none', 'headless', 'interactive']),
    }),
    files: z.object({
      injection: z.boolean(),
      outbox: z.boolean(),
      inboxPath: z.string(),
      outboxPath: z.string(),
      maxBytes: z.number(),
    }),
  }),
})
export type Capabilities = z.infer<typeof capabilities>
