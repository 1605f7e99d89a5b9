import { commandFlag, keyArg } from '../config/config-flags.ts'
import { editSettings, requirePath } from '../config/edit-settings.ts'
import { defineCommand } from '../kit/define.ts'

export const configUnset = defineCommand({
  path: 'config unset',
  summary: 'Take a setting out, so that its default counts again',
  toleratesSettings: true,
  args: { key: { ...keyArg, summary: `${keyArg.summary}; also one that is no setting any more` } },
  flags: { command: commandFlag },
  async run({ key, command }, context) {
    const changed = await editSettings(context, { name: key, command, value: undefined })
    const path = requirePath(context)
    context.output.result(
      { key, ...(command !== undefined && { command }), path, changed },
      changed ? `${key} is taken out of ${path}` : `${key} was not set in ${path}`,
    )
  },
})
