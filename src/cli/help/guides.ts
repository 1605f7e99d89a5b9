import type { HelpPage } from '../kit/help.ts'

type Write = (page: HelpPage) => void | Promise<void>

const rows = (table: Readonly<Record<string, string>>) =>
  Object.entries(table).map(([term, text]) => ({ term, text, facts: [] }))

/** Pages that are written by hand. */
export const guides = {
  'getting-started': page => {
    page.paragraph(
      'openwork turns a folder into a host for the coding agent opencode that people reach from elsewhere. In the folder:',
    )
    page.examples([
      { command: 'openwork', does: 'host this folder; in a terminal with a dashboard' },
      { command: 'openwork pair', does: 'in another terminal: a code with which one phone gets a token of its own' },
      { command: 'openwork approvals list', does: 'what remote clients want to change' },
      { command: 'openwork start --detach', does: 'host it without a terminal' },
      { command: 'openwork ps', does: 'what runs, and how to reach it' },
      { command: 'openwork stop', does: 'end it' },
    ])
    page.paragraph(
      'The first start fetches opencode, verifies it, and keeps it. `openwork doctor` looks at everything that is needed.',
    )
    page.paragraph('Next: `openwork help remote-access`, `openwork help security`, `openwork help configuration`.')
  },
  dashboard: async page => {
    const { GLOBAL_KEYS, KEYS_OF_VIEW } = await import('../../dashboard/actions.ts')
    page.paragraph(
      'In a terminal `openwork start` shows a dashboard; `openwork dashboard` shows that of a host that runs already. Not ' +
        'with --no-tui, --json, --check, --log-format json, CI or TERM=dumb: then there are log lines.',
    )
    page.paragraph(
      'For screen readers: --plain prints lines one after the other and takes typed commands; `help` lists them. To have it ' +
        'always: `openwork config set plain true`.',
    )
    const keyRows = (bindings: typeof GLOBAL_KEYS) =>
      bindings.map(({ keys, help }) => ({ term: keys.join(' '), text: help, facts: [] }))
    page.table('Everywhere', keyRows(GLOBAL_KEYS))
    for (const [view, bindings] of Object.entries(KEYS_OF_VIEW)) page.table(`In ${view}`, keyRows(bindings))
  },
  'remote-access': page => {
    page.paragraph('A host listens on this machine only. To let others in, for this run:')
    page.examples([
      { command: 'openwork start --remote-access', does: 'listen on all addresses of this machine' },
      { command: 'openwork start --remote-access --connect-host box.example', does: 'tell clients this name' },
      { command: 'openwork url --pair --qr', does: 'a QR code that pairs one phone' },
    ])
    page.paragraph(
      'Every route but health needs a token. It is plain HTTP: on a network that is not yours, put a tunnel, a VPN or a ' +
        'reverse proxy with TLS before it, and name it with --connect-host and --allowed-hosts.',
    )
    page.paragraph('Devices: `openwork tokens list`; take one out with `openwork tokens revoke <id>`.')
  },
  security: page => {
    page.table(
      'Against',
      rows({
        'the network': 'loopback unless --remote-access; tokens everywhere but for health',
        'web pages': 'Host and Origin are checked on every local listener',
        'a lost token': 'hashed at rest; each device has its own, which can be revoked',
        'the agent': 'it gets neither our tokens nor our variables; file routes work on real paths in the workspace',
        'a bad mirror': 'hashes of every pinned binary are in the executable',
        'a hostile folder': 'a workspace sets neither our variables nor our settings',
        'leaks in output': 'known secrets are masked in all logs; `openwork support-bundle` takes them out of files',
      }),
    )
    page.paragraph(
      'Changes of remote clients wait for a yes (--approval manual, the default): in the dashboard, or `openwork approvals ' +
        'reply <id> --allow`. --approval auto lets them through, --read-only refuses all.',
    )
    page.paragraph(
      'opencode runs with the rights of the user that starts it. Whoever holds a token with which messages can be sent has ' +
        'the agent at hand, and with it what that user may do.',
    )
  },
  daemon: page => {
    page.paragraph(
      'One daemon for each data dir serves many folders with one opencode and one server. It goes on without a terminal, and ' +
        'keeps its list of workspaces. `openwork workspace add` starts it when none runs.',
    )
    page.examples([
      { command: 'openwork workspace add ~/project', does: 'serve a folder' },
      { command: 'openwork workspace list', does: 'all of them' },
      { command: 'openwork daemon status', does: 'its services, and what is in memory' },
      { command: 'openwork logs daemon -f', does: 'what it is doing' },
      { command: 'openwork daemon stop', does: 'end it; the list stays' },
    ])
    page.paragraph('Its commands: `openwork daemon --help`, `openwork workspace --help`, `openwork instance --help`.')
  },
  'hot-reload': page => {
    page.paragraph(
      'opencode reads its config, skills, commands, agents, plugins, tools and MCP servers once. openwork watches the files, ' +
        'and has opencode read them anew once nothing has changed for a moment and no session of the workspace is at work.',
    )
    page.table(
      'Flags of start',
      rows({
        '--no-opencode-hot-reload': 'Not at all; `openwork reload` still does it by hand',
        '--opencode-hot-reload-debounce-ms': 'How long nothing must have changed',
        '--opencode-hot-reload-cooldown-ms': 'How long one reload keeps off the next',
        '--opencode-hot-reload-deadline-ms': 'How long to wait for work to end',
      }),
    )
    page.paragraph(
      '`openwork reload --wait` does it when the workspace is idle, --force at once. A config with a mistake is not taken in: ' +
        'what ran before goes on, and the place of the mistake is told.',
    )
  },
  configuration: page => {
    page.paragraph('A value is the one of the flag, else of its variable, else of your settings, else the default.')
    page.paragraph(
      'Your settings are in ~/.config/openwork/config.json, or in openwork/config.json below $XDG_CONFIG_HOME or, on ' +
        'Windows, %APPDATA%. OPENWORK_CONFIG names another file, which has to be there, or `off` for none. `openwork config path` tells which one ' +
        'it is. It is JSON with comments; a key is the name of a flag without its dashes.',
    )
    page.verbatim('Example', [
      '{',
      '  // for every command that has the flag',
      '  "approval": "auto",',
      '  "cors": ["https://app.example"],',
      '  // for one command; this counts before the rest',
      '  "commands": { "files catalog": { "limit": 500 } }',
      '}',
    ])
    page.examples([
      { command: 'openwork config set approval auto', does: 'set one' },
      { command: 'openwork config list', does: 'see all, where they come from, and what is wrong with them' },
      { command: 'openwork config unset approval', does: 'take it out' },
      { command: 'openwork config schema --help', does: 'have an editor check the file' },
    ])
    page.paragraph(
      'Every flag can be set but those that say what one call is to do, such as --force. Relative paths begin at the folder ' +
        'of the file. Secrets may be in it while nobody else can read it (chmod 600). A project folder has no say in it.',
    )
  },
  files: page => {
    const data = '~/.openwork/openwork-orchestrator'
    page.paragraph(`Below the data dir, --data-dir, which is ${data} unless something else is said:`)
    page.table(
      'Data dir',
      rows({
        'runs/': 'what runs: for `openwork ps`, and to clean up after a crash',
        'logs/': 'logs of hosts without a terminal, rotated; `openwork logs` shows them',
        'workspaces/ws-…/': 'tokens and server state of one folder',
        'daemon/': 'the same of the daemon, its list of workspaces and its log',
        'opencode-config/': "opencode's config folder for hosts of this data dir",
        'sidecars/': 'verified binaries; `openwork cache ls`',
      }),
    )
    page.table(
      'Elsewhere',
      rows({
        '~/.config/openwork/config.json': 'your settings: `openwork help configuration`',
        'opencode.jsonc, .opencode/': "in the workspace: opencode's own config, yours to change",
      }),
    )
  },
  troubleshooting: page => {
    page.examples([
      { command: 'openwork doctor', does: 'look at everything that is needed; --fix does what is safe' },
      { command: 'openwork ps', does: 'what runs' },
      { command: 'openwork logs -f', does: 'what it says' },
      { command: 'openwork status', does: 'whether its parts answer' },
      { command: 'openwork start --verbose --no-tui', does: 'start it with everything it has to say' },
      { command: 'openwork support-bundle', does: 'an archive for whoever helps you, without secrets' },
    ])
    page.paragraph(
      'A failure tells what to do next, and with --json its code; `openwork help exit-codes` lists the codes. A stack is a ' +
        'bug of ours.',
    )
  },
} satisfies Record<string, Write>
