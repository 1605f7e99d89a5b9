import type { Finding } from '../../doctor/check.ts'
import { OpenworkError } from '../../shared/errors.ts'
import { program } from '../commands/index.ts'
import { knownSettings } from '../config/known-settings.ts'
import { settingsPath } from '../config/settings-file.ts'
import type { Context } from '../kit/context.ts'

/** Whether the user's own settings can be read, and are ones. */
export async function lookAtUserConfig(context: Pick<Context, 'env' | 'cwd' | 'home'>): Promise<Finding> {
  const path = settingsPath(context)
  if (path === undefined) return { status: 'ok', seen: 'ruled out by OPENWORK_CONFIG' }
  try {
    const { settings, problems } = await knownSettings(program, context)
    return judgeSettings(path, settings.filter(({ source }) => source === 'file').length, problems)
  } catch (error) {
    if (!(error instanceof OpenworkError)) throw error
    return judgeSettings(path, 0, [error])
  }
}

function judgeSettings(
  path: string,
  count: number,
  problems: readonly Pick<OpenworkError, 'message' | 'hint'>[],
): Finding {
  const [first, ...others] = problems
  if (first === undefined)
    return { status: 'ok', seen: count === 0 ? 'none: defaults apply' : `${count === 1 ? 'one' : count} in ${path}` }
  return {
    status: 'problem',
    seen: first.message,
    details: others.map(({ message }) => message),
    means: 'Commands that the setting is for do not run.',
    todo: first.hint ?? `Correct ${path}, or set OPENWORK_CONFIG=off.`,
  }
}
