import { type FailureCode, OpenworkError, systemCode } from '../../shared/errors.ts'

export type ItemFailure = { ok: false; code: string; message: string } & Record<string, unknown>

/** The item of a batch that failed, for the answer. What is neither a failure of ours nor of the system is rethrown. */
export function failedItem<About extends object>(
  about: About,
  error: unknown,
  fallback: FailureCode,
): About & ItemFailure {
  const failure = fileFailure(error, fallback)
  return { ...failure.details, ok: false, ...about, code: failure.code, message: failure.message }
}

/** The result of work on a file; its system errors as failures with a code. */
export async function asFileFailure<Result>(fallback: FailureCode, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (error) {
    throw fileFailure(error, fallback)
  }
}

/** A system error about a file as a failure that says what to do; `fallback` is the code of those without a better one. */
function fileFailure(error: unknown, fallback: FailureCode): OpenworkError {
  if (error instanceof OpenworkError) return error
  const code = systemCode(error)
  switch (code) {
    case undefined:
    case 'ERR_INVALID_ARG_VALUE':
      throw error
    case 'ENOENT':
      return new OpenworkError('file_not_found', 'There is no such file', { cause: error })
    case 'ENOSPC':
    case 'EDQUOT':
      return new OpenworkError('disk_full', 'There is no space left where the workspace is', { cause: error })
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return new OpenworkError('invalid_path', `The path cannot be used (${code})`, { cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new OpenworkError(fallback, `The system does not allow it (${code})`, { cause: error })
    default:
      return new OpenworkError(fallback, `The system refused it (${code})`, { cause: error })
  }
}
