import { existsSync } from 'node:fs'
import { requirePath } from '../config/edit-settings.ts'
import { defineCommand } from '../kit/define.ts'

export const configPath = defineCommand({
  path: 'config path',
  summary: 'Where your settings are, whether the file is there or not',
  toleratesSettings: true,
  flags: {},
  async run(_, context) {
    const path = requirePath(context)
    context.output.result({ path, exists: existsSync(path) }, path)
  },
})
