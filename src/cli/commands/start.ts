import { startFlags } from '../flags/start-flags.ts'
import { defineCommand } from '../kit/define.ts'
import { runHost } from './run-host.ts'

export const start = defineCommand({
  path: 'start',
  summary: 'Host a folder: start opencode and the OpenWork server, and keep them running',
  examples: [
    { command: 'openwork start', does: 'host the current folder' },
    {
      command: 'openwork start --workspace ~/project --approval auto',
      does: 'let changes by remote clients through without asking',
    },
    { command: 'openwork start --remote-access', does: 'let other machines connect' },
    { command: 'openwork start --detach', does: 'keep it running in the background' },
    { command: 'openwork start --plain', does: 'a dashboard for screen readers' },
    { command: 'openwork start --check --check-events', does: 'start, test everything once, stop' },
  ],
  flags: startFlags,
  run: (values, context) => runHost('start', values, context),
})
