import { PassThrough, Readable } from 'node:stream'
import { type CommandEntry, defineCommand, type Program } from '../../../src/cli/kit/define.ts'
import { bool, enumeration, integer, list, path, port, secret, text, url } from '../../../src/cli/kit/flags.ts'
import { runCli } from '../../../src/cli/kit/run.ts'

export type Call = { path: string; values: Record<string, unknown>; sources: Record<string, unknown> }

export type Outcome = { code: number; stdout: string; stderr: string; calls: Call[] }

export type Terminal = { isTTY?: boolean; columns?: number }

/** Runs a program on captured streams. The environment is empty unless given. */
export async function run(
  argv: readonly string[],
  options: { program?: Program; env?: Record<string, string>; terminal?: Terminal } = {},
): Promise<Outcome> {
  calls.length = 0
  const stdout = Object.assign(new PassThrough(), options.terminal)
  const stderr = new PassThrough()
  const printed = collect(stdout)
  const told = collect(stderr)
  const code = await runCli(options.program ?? sample, argv, {
    env: options.env ?? {},
    cwd: '/work',
    home: '/home/ada',
    stdin: Readable.from([]),
    stdout,
    stderr,
  })
  return { code, stdout: printed(), stderr: told(), calls: [...calls] }
}

function collect(stream: PassThrough): () => string {
  const chunks: Buffer[] = []
  stream.on('data', chunk => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

const calls: Call[] = []

/** A command that notes what it was called with. */
function noting(
  path: string,
  table: Pick<Parameters<typeof defineCommand>[0], 'flags' | 'args' | 'aliases' | 'hidden'>,
) {
  return defineCommand({
    path,
    summary: `Does ${path}`,
    ...table,
    async run(values, context) {
      const sources = Object.fromEntries(Object.keys(table.flags).map(key => [key, context.source(key)]))
      calls.push({ path, values, sources })
      context.output.result({ ran: path }, `ran ${path}`)
    },
  })
}

const startFlags = {
  workspace: path({ env: 'SAMPLE_WORKSPACE', default: '.', defaultText: 'the current folder', summary: 'Folder' }),
  approval: enumeration({
    env: ['SAMPLE_APPROVAL_MODE', 'SAMPLE_APPROVAL'],
    values: ['manual', 'auto'],
    aliases: { automatic: 'auto' },
    default: 'manual',
    summary: 'Whether changes wait for an approval',
    group: 'Server',
  }),
  approvalTimeout: integer({ unit: 'ms', min: 1, default: 30_000, summary: 'How long one waits', group: 'Server' }),
  openworkPort: port({ env: 'SAMPLE_PORT', default: 8787, summary: 'Port of the server', group: 'Server' }),
  cors: list({ env: 'SAMPLE_CORS', default: [], summary: 'Web origins', group: 'Server' }),
  openworkToken: secret({ env: 'SAMPLE_TOKEN', summary: 'Client token', group: 'Server' }),
  tui: bool({ summary: 'Dashboard' }),
  verbose: bool({ env: 'SAMPLE_VERBOSE', default: false, summary: 'Say more' }),
  internalDevMode: bool({ default: false, hidden: true, summary: 'For developers' }),
}

/** Grows the list of commands that were loaded: laziness can be seen. */
export const loaded: string[] = []

const lazy = (command: ReturnType<typeof noting>): CommandEntry => ({
  path: command.path,
  summary: command.summary,
  ...(command.aliases && { aliases: command.aliases }),
  ...(command.hidden && { hidden: command.hidden }),
  load: async () => {
    loaded.push(command.path)
    return command
  },
})

export const sample: Program = {
  name: 'sample',
  version: '1.2.3',
  summary: 'Shows how tables work',
  defaultCommand: 'start',
  examples: [{ command: 'sample start --workspace ~/project', does: 'serve a folder' }],
  commands: [
    noting('start', { flags: startFlags }),
    noting('serve', { flags: startFlags }),
    noting('status', { flags: { openworkUrl: url({ env: ['SAMPLE_URL'], summary: 'Server to ask' }) } }),
    noting('daemon', { flags: { daemonPort: port({ summary: 'Port' }) } }),
    noting('daemon stop', { flags: { daemonPort: port({ summary: 'Port' }) } }),
    noting('workspace add', { aliases: ['workspaces add'], args: { folder: { summary: 'Folder' } }, flags: {} }),
    lazy(
      noting('approvals reply', {
        args: { id: { summary: 'Approval id' } },
        flags: {
          allow: bool({ default: false, summary: 'Let it run' }),
          hostToken: secret({ env: 'SAMPLE_HOST_TOKEN', required: true, summary: 'Host token' }),
        },
      }),
    ),
    lazy(
      noting('files write', {
        args: {
          session: { summary: 'Session id' },
          target: { summary: 'File', optional: true },
        },
        flags: {
          content: text({ allowEmpty: true, summary: 'What to write' }),
          label: text({ summary: 'A name' }),
          force: bool({ default: false, summary: 'Overwrite' }),
        },
      }),
    ),
    lazy(
      noting('files read', {
        args: { session: { summary: 'Session id' }, targets: { summary: 'Files', optional: true, variadic: true } },
        flags: { limit: integer({ max: 10_000, summary: 'How many' }) },
      }),
    ),
    noting('secret-handshake', { hidden: true, flags: { knock: bool({ default: false, summary: 'Knock' }) } }),
  ],
}
