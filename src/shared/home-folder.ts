import { homedir } from 'node:os'
import { OpenworkError, systemCode } from './errors.ts'

/**
 * The user's home folder.
 *
 * @throws OpenworkError `missing_value` for a user that has none: a container that runs under any number, without HOME
 */
export function homeFolder(): string {
  try {
    return homedir()
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    throw new OpenworkError('missing_value', 'HOME is not set, and the system knows no home folder of this user', {
      hint: 'Set HOME. Commands that need nothing but their data folder take --data-dir <path> instead.',
      cause: error,
    })
  }
}
