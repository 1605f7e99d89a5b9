import { startFlags } from '../flags/start-flags.ts'
import { defineCommand } from '../kit/define.ts'
import { runHost } from './run-host.ts'

export const serve = defineCommand({
  path: 'serve',
  summary: 'The same as start, for logs instead of a dashboard',
  examples: [{ command: 'openwork serve --log-format json', does: 'log records for a collector' }],
  flags: startFlags,
  run: (values, context) => runHost('serve', values, context),
})
