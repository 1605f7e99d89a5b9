import { z } from 'zod'
import { workspace } from './workspaces.ts'

/** Where a setting was found. */
const source = z.enum(['cli', 'env', 'file', 'generated'])

export const approvalPolicy = z.object({ mode: z.enum(['manual', 'auto']), timeoutMs: z.number() })

export const status = z.object({
  ok: z.literal(true),
  version: z.string(),
  uptimeMs: z.number(),
  readOnly: z.boolean(),
  approval: approvalPolicy,
  corsOrigins: z.array(z.string()),
  workspaceCount: z.number(),
  activeWorkspaceId: z.string().nullable(),
  workspace: workspace.nullable(),
  authorizedRoots: z.array(z.string()),
  /** `port` as configured: 0 when any free one was asked for. */
  server: z.object({ host: z.string(), port: z.number(), configPath: z.string().nullable() }),
  tokenSource: z.object({ client: source, host: source }),
})
export type Status = z.infer<typeof status>
