import { z } from 'zod'
import { actor } from './whoami.ts'

/** What may need a yes from the host. */
export const APPROVAL_ACTIONS = [
  'config.patch',
  'workspace.file.write',
  'workspace.files.session.write',
  'workspace.files.session.ops',
] as const
export type ApprovalAction = (typeof APPROVAL_ACTIONS)[number]

/** A change that waits for its answer. */
export const approvalRequest = z.object({
  id: z.string(),
  workspaceId: z.string(),
  /** Of `APPROVAL_ACTIONS`, or of a later version's. */
  action: z.string(),
  summary: z.string(),
  /** What would be touched, absolute. */
  paths: z.array(z.string()),
  actor,
  createdAt: z.number(),
  /** When it counts as denied; milliseconds since the epoch. */
  expiresAt: z.number(),
})
export type ApprovalRequest = z.infer<typeof approvalRequest>

/** Oldest first. */
export const approvalList = z.object({ items: z.array(approvalRequest) })

/** The same from a server of any age, which may say less of a request, and more. */
export const receivedApprovalList = z.looseObject({
  items: z.array(z.looseObject({ ...approvalRequest.shape, expiresAt: z.number().optional() })),
})

export type ReceivedApproval = z.infer<typeof receivedApprovalList>['items'][number]

/** Anything but `allow` denies: a slip must not let a change through. */
export const approvalReply = z.object({ reply: z.enum(['allow', 'deny']).catch('deny') })
export const approvalReplied = z.object({ ok: z.literal(true), allowed: z.boolean() })
/** The same from a server of any age. */
export const receivedApprovalReplied = z.looseObject(approvalReplied.shape)
export type ApprovalReplied = z.infer<typeof approvalReplied>

/** What became of a request; `gone`: whoever asked has left, and the change will not be made. */
export const approvalOutcome = z.enum(['allowed', 'denied', 'timeout', 'gone'])
export type ApprovalOutcome = z.infer<typeof approvalOutcome>

export const approvalResolved = z.object({
  id: z.string(),
  workspaceId: z.string(),
  outcome: approvalOutcome,
  resolvedAt: z.number(),
})
export type ApprovalResolved = z.infer<typeof approvalResolved>

/** The events of `GET /approvals/events`, by kind; `snapshot` comes first, once. */
export const approvalEvents = { snapshot: approvalList, added: approvalRequest, resolved: approvalResolved } as const
