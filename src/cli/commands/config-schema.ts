import { settingsSchema } from '../config/settings-schema.ts'
import { defineCommand } from '../kit/define.ts'
import { program } from './index.ts'

export const configSchema = defineCommand({
  path: 'config schema',
  summary: 'JSON Schema of the file of settings, for editors',
  toleratesSettings: true,
  flags: {},
  examples: [{ command: 'openwork config schema > openwork.schema.json', does: 'a copy to point an editor to' }],
  async run(_, { output }) {
    const schema = await settingsSchema(program)
    output.result(schema, JSON.stringify(schema, null, 2))
  },
})
