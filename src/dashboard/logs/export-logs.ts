import { open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { homeFolder } from '../../shared/home-folder.ts'

/**
 * Writes exported lines to a new file that only its owner may read. Resolves to its path.
 *
 * @param file as it was typed: relative to `cwd`, `~/` is the home folder
 * @throws OpenworkError `write_failed`: it is there already, or cannot be made
 */
export async function exportLogs(file: string, cwd: string, text: string): Promise<string> {
  const path = file.startsWith('~/') ? join(homeFolder(), file.slice(2)) : resolve(cwd, file)
  try {
    await using handle = await open(path, 'wx', 0o600)
    await handle.writeFile(text)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    throw new OpenworkError('write_failed', `The logs were not written to ${path}: ${reasonOf(error)}`, {
      hint: 'Export to another file, in a folder that you may write to.',
      cause: error,
    })
  }
  return path
}

function reasonOf(error: unknown): string {
  const code = systemCode(error)
  if (code === 'EEXIST') return 'there is something of that name already'
  return error instanceof Error ? error.message.replace(/^\w+: /, '').replace(/, open .*/, '') : String(code)
}
