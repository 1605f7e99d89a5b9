import { settingsSchema } from '../config/settings-schema.ts'
import { defineCommand } from '../kit/define.ts'
import { program } from './index.ts'

export const configSchema = defineCommand({
  path: 'config schema',
  summary: 'JSON Schema of the file of settings, for editors',
  description:
    'An editor checks and completes the file of settings when that names the schema: put a copy beside it, as in the ' +
    'example, and `"$schema": "./config.schema.json"` on top of the file. Take a new copy after an upgrade. The npm ' +
    'package holds one, config.schema.json. `openwork config set` does not name it, for it need not be anywhere.',
  toleratesSettings: true,
  flags: {},
  examples: [
    {
      command: 'openwork config schema > "$(dirname "$(openwork config path)")/config.schema.json"',
      does: 'put a copy beside the file of settings',
    },
  ],
  async run(_, { output }) {
    const schema = await settingsSchema(program)
    output.result(schema, JSON.stringify(schema, null, 2))
  },
})
