import { dirname } from 'node:path'
import { OpenworkError, systemCode } from '../shared/errors.ts'

/** Why a path cannot be used, by the system's code, in words that follow a colon. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'something else has that name',
  EISDIR: 'something else has that name',
  EFTYPE: 'something else has that name',
  ENXIO: 'something else has that name',
  ENOENT: 'a folder on the way cannot be made',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its links form a loop',
  EINVAL: 'the file system does not take that name',
}

/** In words, or undefined for an error that nobody but us can do something about. */
export const reasonOf = (error: unknown): string | undefined => REASONS[systemCode(error) ?? '']

/** No space, or none left for this user. */
export const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')

/**
 * The coded error for something of ours that could not be written: `disk_full` or `data_dir_unusable`. Other errors
 * come back as they are.
 */
export function writeFailure(path: string, error: unknown): unknown {
  if (isDiskFull(error)) return diskFull(path, '--data-dir', error)
  const reason = reasonOf(error)
  return reason === undefined ? error : unusable(dirname(path), `${path}: ${reason}`, error)
}

export const unusable = (root: string, why: string, cause?: unknown): OpenworkError =>
  new OpenworkError('data_dir_unusable', `The data dir ${root} cannot be used: ${why}`, {
    hint: 'Pass --data-dir with a folder that you may write to.',
    cause,
  })

export const diskFull = (path: string, flag: '--data-dir' | '--workspace', cause: unknown): OpenworkError =>
  new OpenworkError('disk_full', `No space left to write ${path}`, {
    hint: `Free some space, or pass ${flag} on another disk.`,
    cause,
  })

/** Does something that writes at `path`, with its failure coded as by `writeFailure`. */
export async function writing<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw writeFailure(path, error)
  }
}
