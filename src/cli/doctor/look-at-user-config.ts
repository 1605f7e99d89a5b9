import { join } from 'node:path'
import type { Finding } from '../../doctor/check.ts'
import { messageOf, OpenworkError, systemCode } from '../../shared/errors.ts'
import { parseJsonc } from '../../shared/jsonc.ts'
import { readPlainFile } from '../../shared/plain-file.ts'
import type { Context } from '../kit/context.ts'

const MAX_BYTES = 1024 * 1024

/** Whether the user's own settings can be read. */
export async function lookAtUserConfig({ env, home }: Pick<Context, 'env' | 'home'>): Promise<Finding> {
  const path = userConfigPath({ env, home })
  try {
    const settings = await parseJsonc(path, await readPlainFile(path, { maxBytes: MAX_BYTES }))
    const count = Object.keys(settings).length
    return { status: 'ok', seen: `${path}, ${count === 1 ? 'one setting' : `${count} settings`}` }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { status: 'ok', seen: 'none: defaults apply' }
    if (!(error instanceof OpenworkError)) {
      if (systemCode(error) === undefined) throw error
      return {
        status: 'problem',
        seen: `${path} cannot be read: ${messageOf(error)}`,
        todo: 'Make it a file of yours.',
      }
    }
    return { status: 'problem', seen: messageOf(error), todo: error.hint ?? `Correct ${path}, or move it away.` }
  }
}

export const userConfigPath = ({ env, home }: Pick<Context, 'env' | 'home'>): string =>
  join(env.XDG_CONFIG_HOME || join(home, '.config'), 'openwork', 'config.json')
