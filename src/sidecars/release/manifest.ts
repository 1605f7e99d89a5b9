import { z } from 'zod'

const MAX_TARGETS = 64
/** Larger than anything we ship, smaller than a disk. */
const MAX_FILE_BYTES = 2 * 1024 ** 3

/** A file name and nothing more: it becomes part of a path in the cache and of a URL. */
const plainFileName = z.string().regex(/^(?!\.)[\w.+-]{1,128}$/, 'must be a plain file name')

const sidecarFile = z
  .object({
    /** Appended to the base URL. */
    asset: plainFileName.optional(),
    /** Absolute; instead of `asset`, or beside it. */
    url: z.url().optional(),
    /** Ours: mirrors, asked after `url` and `asset` in this order. */
    urls: z.array(z.url()).max(16).optional(),
    /** Of the file as it is downloaded: of the archive where there is one. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
    /** Bytes of the file as it is downloaded. */
    size: z.int().positive().max(MAX_FILE_BYTES).optional(),
    /** Ours: what the file is packed as. Absent: it is the program itself. */
    archive: z.enum(['tar.gz', 'tgz', 'zip']).optional(),
    /** Ours: path of the program inside the archive, with `/`. */
    path: z.string().min(1).max(512).optional(),
  })
  .refine(file => file.asset ?? file.url ?? file.urls?.length, { message: 'names neither asset nor url' })
  .refine(file => (file.archive === undefined) === (file.path === undefined), {
    message: 'archive and path go together',
  })

const sidecarEntry = z.object({
  version: z.string().min(1).max(64),
  targets: z
    .record(z.string(), sidecarFile)
    .refine(targets => Object.keys(targets).length <= MAX_TARGETS, { message: `has more than ${MAX_TARGETS} targets` }),
})

/**
 * `openwork-orchestrator-sidecars.json`, the list of a release's files (spec/orchestrator.md 3.1). Every file has a
 * hash. Targets of `opencode` are named like its npm packages without `opencode-`: `linux-x64-baseline-musl`.
 */
export const sidecarManifest = z.object({
  /** Of the orchestrator. */
  version: z.string().min(1).max(64),
  /** ISO 8601. */
  generatedAt: z.iso.datetime({ offset: true }).optional(),
  entries: z.object({
    /** Ours: the executable that carries all three programs; the next two list the same files. */
    openwork: sidecarEntry.optional(),
    'openwork-server': sidecarEntry.optional(),
    'opencode-router': sidecarEntry.optional(),
    opencode: sidecarEntry.optional(),
  }),
})

export type SidecarManifest = z.infer<typeof sidecarManifest>
export type SidecarEntry = z.infer<typeof sidecarEntry>
export type SidecarFile = z.infer<typeof sidecarFile>
