import { statfs } from 'node:fs/promises'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'

/** What a folder is for, for messages. */
export type DiskUse = {
  /** Follows "cannot hold". */
  readonly holds: string
  /** What to do when the folder or its disk will not do; follows "or". */
  readonly elsewhere: string
}

const SIDECARS: DiskUse = {
  holds: 'sidecars',
  elsewhere: 'put the sidecars on another disk with --sidecar-dir <path>',
}

/** @throws OpenworkError `disk_full` when the disk of `folder` has not so much left */
export async function requireFreeSpace(
  folder: string,
  { what, bytes, use = SIDECARS }: { what: string; bytes: number; use?: DiskUse | undefined },
): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  throw new OpenworkError(
    'disk_full',
    `${what} needs ${megabytes(bytes)} of space in ${folder}, ${megabytes(bavail * bsize)} are free`,
    { hint: `Free some space, or ${use.elsewhere}.` },
  )
}

/** The coded failure that a system error in `folder` stands for; anything else comes back as it is. */
export function explainDiskFailure(error: unknown, folder: string, use = SIDECARS): unknown {
  const code = systemCode(error)
  if (error instanceof OpenworkError || code === undefined) return error
  if (isDiskFull(error))
    return new OpenworkError('disk_full', `The disk that holds ${folder} is full: ${messageOf(error)}`, {
      hint: `Free some space, or ${use.elsewhere}.`,
      cause: error,
    })
  if (UNUSABLE.includes(code) || isUnmade(error))
    return new OpenworkError('sidecar_dir_unusable', `${folder} cannot hold ${use.holds}: ${messageOf(error)}`, {
      hint: `Make it a folder that you may write, or ${use.elsewhere}.`,
      cause: error,
    })
  return error
}

const UNUSABLE = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EIO']

/** No folder where one was to be made, not even above it: a link that leads nowhere, a missing drive, `/proc`. */
const isUnmade = (error: unknown): boolean =>
  systemCode(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'mkdir'

export const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`
