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
  {
    path: 'pair',
    summary: 'Show a code with which one device gets a token of its own',
    load: async () => (await import('./pair.ts')).pair,
  },
  {
    path: 'tokens list',
    summary: 'The tokens and paired devices of a host, newest first',
    load: async () => (await import('./tokens-list.ts')).tokensList,
  },
  {
    path: 'tokens revoke',
    summary: 'Take a token back: whoever holds it is refused from now on',
    load: async () => (await import('./tokens-revoke.ts')).tokensRevoke,
  },
  {
    path: 'tokens rotate',
    summary: 'Give a token another secret, and show it this once',
    load: async () => (await import('./tokens-rotate.ts')).tokensRotate,
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
