import { VERSION } from '../../shared/version.ts'
import type { CommandEntry, Program } from '../kit/define.ts'

/** Every command of `openwork`. Modules are loaded when they are called: `--version` needs none of them. */
const commands: readonly CommandEntry[] = [
  {
    path: 'start',
    summary: 'Host a folder: start opencode and the OpenWork server, and keep them running',
    load: async () => (await import('./start.ts')).start,
  },
  {
    path: 'serve',
    summary: 'The same as start, for logs instead of a dashboard',
    load: async () => (await import('./serve.ts')).serve,
  },
  {
    path: 'status',
    summary: 'Whether a host is up and its parts answer',
    load: async () => (await import('./status.ts')).status,
  },
]

export const program: Program = {
  name: 'openwork',
  version: VERSION,
  summary: 'Hosts a folder for the coding agent opencode, reachable from elsewhere.',
  commands,
  defaultCommand: 'start',
  examples: [
    { command: 'openwork', does: 'host the current folder' },
    { command: 'openwork start --workspace ~/project --approval auto', does: 'host another one' },
    { command: 'openwork status', does: 'see what is running' },
  ],
}
