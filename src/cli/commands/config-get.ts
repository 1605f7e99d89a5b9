import { loadAll, requireSetting } from '../config/check-settings.ts'
import { commandFlag, keyArg } from '../config/config-flags.ts'
import { knownSettings } from '../config/known-settings.ts'
import { defineCommand } from '../kit/define.ts'
import { program } from './index.ts'

export const configGet = defineCommand({
  path: 'config get',
  summary: 'The value that a setting has without its flag; exits 1 when it has none',
  description: 'From the environment, else from the file, else the default. Secrets are shown as ***.',
  examples: [{ command: 'openwork config get approval', does: 'what `openwork start` would take' }],
  toleratesSettings: true,
  args: { key: keyArg },
  flags: { command: commandFlag },
  async run({ key, command }, context) {
    const flag = requireSetting(await loadAll(program), key, command)
    const { settings } = await knownSettings(program, context)
    const named = settings.filter(setting => setting.key === key)
    const found =
      named.find(({ source }) => source === 'env') ??
      named.find(setting => command !== undefined && setting.command === command) ??
      named.find(setting => setting.command === undefined)
    const value = found ? found.value : flag.defaultText
    const source = found?.source ?? (value === undefined ? null : 'default')
    context.output.result(
      { key, value: value ?? null, source, ...(found && { from: found.from }) },
      value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value),
    )
    return value === undefined ? 1 : 0
  },
})
