import type { OpenworkError } from '../../shared/errors.ts'
import type { Context } from '../kit/context.ts'
import type { Program } from '../kit/define.ts'
import { kebab } from '../kit/table.ts'
import { type CheckedSetting, checkSettings, flagsCalled, loadAll } from './check-settings.ts'
import { parseSettings } from './parse-settings.ts'
import { readSettingsFile } from './settings-file.ts'

export type KnownSetting = {
  key: string
  /** Of the only command that it is for. */
  command: string | undefined
  /** `***` for a secret. */
  value: unknown
  source: 'file' | 'env'
  /** The file, or the variable. */
  from: string
  /** Another source that counts before it. */
  overriddenBy: string | undefined
}

/**
 * What the user has set in the file and in the environment, and everything that is wrong with the file.
 * @throws OpenworkError user_config_invalid when it is not JSON at all, user_config_unusable
 */
export async function knownSettings(
  program: Pick<Program, 'commands'>,
  context: Pick<Context, 'env' | 'cwd' | 'home'>,
): Promise<{ settings: KnownSetting[]; problems: OpenworkError[] }> {
  const file = await readSettingsFile(context)
  const checked = file && (await checkSettings(program, await parseSettings(file), context))
  const commands = await loadAll(program)
  const setBy = (name: string): string | undefined =>
    flagsCalled(commands, name)
      .flatMap(({ env }) => env)
      .find(variable => context.env[variable]?.trim())
  const inFile = (checked?.settings ?? []).map(({ name, command, value, isSecret }: CheckedSetting): KnownSetting => {
    return {
      key: name,
      command,
      value: isSecret ? '***' : value,
      source: 'file',
      from: file?.path ?? '',
      overriddenBy: setBy(name),
    }
  })
  const variables = new Map<string, KnownSetting>()
  for (const { flags } of commands)
    for (const [name, flag] of Object.entries(flags)) {
      const from = flag.hidden || flag.perCall ? undefined : flag.env.find(variable => context.env[variable]?.trim())
      if (from === undefined || variables.has(from)) continue
      const key = kebab(name)
      const value = flag.secret ? '***' : context.env[from]
      variables.set(from, { key, command: undefined, value, source: 'env', from, overriddenBy: undefined })
    }
  return { settings: [...inFile, ...variables.values()], problems: checked?.problems ?? [] }
}
