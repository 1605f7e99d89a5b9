import { existsSync } from 'node:fs'
import { requirePath } from '../config/edit-settings.ts'
import { defineCommand } from '../kit/define.ts'

export const configPath = defineCommand({
  path: 'config path',
  summary: 'Where your settings are, whether the file is there or not',
  description:
    'OPENWORK_CONFIG names another file. With `"$schema"` in it an editor checks it: see `openwork help config schema`.',
  toleratesSettings: true,
  flags: {},
  async run(_, context) {
    const path = requirePath(context)
    context.output.result({ path, exists: existsSync(path) }, path)
  },
})
