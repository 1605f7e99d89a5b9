import { z } from 'zod'

/** Items of one batch, read, write or operations. */
export const MAX_BATCH_ITEMS = 64
/** Of one file, read or written through a session. */
export const MAX_FILE_BYTES = 5_000_000
/** Of all files of one batch together, before base64. */
export const MAX_BATCH_BYTES = 32_000_000

/** In seconds; what is beyond is brought to the nearer end. Anything but a number counts as left out. */
const ttlSeconds = z.number().optional().catch(undefined)

export const openFileSession = z.object({
  ttlSeconds,
  /** Anything but `false` counts as true. */
  write: z.boolean().default(true).catch(true),
})

export const renewFileSession = z.object({ ttlSeconds })

/** Times in milliseconds since the epoch; `ttlMs` is what is left. */
export const fileSession = z.object({
  id: z.string(),
  workspaceId: z.string(),
  createdAt: z.number(),
  expiresAt: z.number(),
  ttlMs: z.number(),
  canWrite: z.boolean(),
})
export type FileSession = z.infer<typeof fileSession>

export const fileSessionReply = z.object({ session: fileSession })
export const fileSessionClosed = z.object({ ok: z.literal(true) })

/** What went wrong with one item of a batch; the others are not touched by it. */
const itemFailure = z.looseObject({ ok: z.literal(false), code: z.string(), message: z.string() })

export const readBatchRequest = z.object({ paths: z.array(z.string()).min(1).max(MAX_BATCH_ITEMS) })

const readItem = z.object({
  ok: z.literal(true),
  path: z.string(),
  kind: z.literal('file'),
  bytes: z.number(),
  /** mtime, milliseconds since the epoch. */
  updatedAt: z.number(),
  revision: z.string(),
  contentBase64: z.string(),
})
export type ReadItem = z.infer<typeof readItem>

/** Further keys tell more of the failure: `maxBytes` and `size` of a file that is too large. */
const readFailure = itemFailure.extend({ path: z.string() })

/** In the order of the request. */
export const readBatchReply = z.object({ items: z.array(z.union([readItem, readFailure])) })

const write = z
  .object({
    path: z.string(),
    /** Standard alphabet, padded; empty for an empty file. */
    contentBase64: z.string(),
    /** Write only when the file has this revision. */
    ifMatchRevision: z.string().optional(),
    /** Write even when the revision is another. */
    force: z.boolean().optional(),
    /** Write only when there is nothing under this path. */
    createOnly: z.boolean().optional(),
  })
  .refine(({ createOnly, ifMatchRevision }) => !createOnly || ifMatchRevision === undefined, {
    message: 'createOnly and ifMatchRevision exclude each other',
  })
export const writeBatchRequest = z.object({ writes: z.array(write).min(1).max(MAX_BATCH_ITEMS) })
export type WriteRequest = z.infer<typeof write>

const writtenItem = z.object({
  ok: z.literal(true),
  path: z.string(),
  bytes: z.number(),
  updatedAt: z.number(),
  revision: z.string(),
  previousRevision: z.string().nullable(),
})
export type WrittenItem = z.infer<typeof writtenItem>

/** `cursor`: of the newest change event. */
export const writeBatchReply = z.object({
  items: z.array(z.union([writtenItem, itemFailure.extend({ path: z.string() })])),
  cursor: z.number(),
})

/** Blank and missing paths fail the whole request with `invalid_path`; an unknown type only its own item. */
const operation = z.object({
  type: z.string(),
  path: z.unknown().optional(),
  from: z.unknown().optional(),
  to: z.unknown().optional(),
  /** Of `delete`: a folder with what is in it. */
  recursive: z.unknown().optional(),
  /** Of `rename`: replace the file that has the new name. */
  overwrite: z.unknown().optional(),
})
export type OperationRequest = z.infer<typeof operation>
export const operationsRequest = z.object({ operations: z.array(operation).min(1).max(MAX_BATCH_ITEMS) })

const pathOperation = z.object({ ok: z.literal(true), type: z.enum(['mkdir', 'delete']), path: z.string() })
const renameOperation = z.object({
  ok: z.literal(true),
  type: z.literal('rename'),
  from: z.string(),
  to: z.string(),
  /** Of the file under its new name; the old one is void. */
  revision: z.string(),
})
const operationItem = z.union([pathOperation, renameOperation, itemFailure])
export type OperationItem = z.infer<typeof operationItem>

export const operationsReply = z.object({
  items: z.array(operationItem),
  cursor: z.number(),
})

export const fileStat = z.object({
  ok: z.literal(true),
  path: z.string(),
  exists: z.boolean(),
  kind: z.enum(['file', 'dir']).optional(),
  size: z.number().optional(),
  updatedAt: z.number().optional(),
  revision: z.string().optional(),
})

export const rawWriteRequest = z.object({
  path: z.string(),
  dataBase64: z.string(),
  /** `updatedAt` of the version that was edited; another one on the disk is a conflict. */
  baseUpdatedAt: z.number().optional(),
  force: z.boolean().optional(),
})
export type RawWriteRequest = z.infer<typeof rawWriteRequest>
export const rawWriteReply = z.object({
  ok: z.literal(true),
  path: z.string(),
  bytes: z.number(),
  updatedAt: z.number(),
  revision: z.string(),
})
