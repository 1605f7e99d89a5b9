import mri from 'mri'

/** Command line flags by the environment variable that says the same. */
export const VALUE_FLAGS = {
  host: 'OPENWORK_HOST',
  port: 'OPENWORK_PORT',
  token: 'OPENWORK_TOKEN',
  'host-token': 'OPENWORK_HOST_TOKEN',
  approval: 'OPENWORK_APPROVAL_MODE',
  'approval-timeout': 'OPENWORK_APPROVAL_TIMEOUT_MS',
  workspace: 'OPENWORK_WORKSPACES',
  cors: 'OPENWORK_CORS_ORIGINS',
  'allowed-hosts': 'OPENWORK_ALLOWED_HOSTS',
  'opencode-base-url': 'OPENWORK_OPENCODE_BASE_URL',
  'opencode-directory': 'OPENWORK_OPENCODE_DIRECTORY',
  'opencode-username': 'OPENWORK_OPENCODE_USERNAME',
  'opencode-password': 'OPENWORK_OPENCODE_PASSWORD',
  'catalog-ignore': 'OPENWORK_CATALOG_IGNORE',
  'log-format': 'OPENWORK_LOG_FORMAT',
  config: 'OPENWORK_SERVER_CONFIG',
} as const
export type ValueFlag = keyof typeof VALUE_FLAGS

const BOOLEAN_FLAGS = ['read-only', 'log-requests', 'verbose', 'help', 'version'] as const
type BooleanFlag = (typeof BOOLEAN_FLAGS)[number]

export type ParsedFlags = {
  /** Every value given, in order; a flag without its value holds ''. */
  values: Readonly<Partial<Record<ValueFlag, readonly string[]>>>
  /** Undefined when not given. */
  switches: Readonly<Partial<Record<BooleanFlag, boolean>>>
  /** What was given and means nothing here, as typed. Launchers of other versions pass such things: not an error. */
  ignored: readonly string[]
}

export function parseServerFlags(argv: readonly string[]): ParsedFlags {
  const parsed = mri([...argv], {
    string: Object.keys(VALUE_FLAGS),
    boolean: [...BOOLEAN_FLAGS],
    alias: { h: 'help' },
  })
  const { _: positionals, h: _alias, ...given } = parsed
  const isValueFlag = (name: string): name is ValueFlag => name in VALUE_FLAGS
  const isSwitch = (name: string): name is BooleanFlag => BOOLEAN_FLAGS.some(flag => flag === name)

  const values: Partial<Record<ValueFlag, readonly string[]>> = {}
  const switches: Partial<Record<BooleanFlag, boolean>> = {}
  const ignored: string[] = positionals.map(String)
  for (const [name, value] of Object.entries<unknown>(given)) {
    // mri lists every string and boolean it was told of, given or not.
    if (isValueFlag(name)) values[name] = [value].flat().map(String)
    else if (isSwitch(name)) switches[name] = Boolean([value].flat().at(-1))
    else ignored.push(name.length === 1 ? `-${name}` : `--${name}`)
  }
  return { values, switches, ignored }
}

/** The text of `--help`. */
export function renderServerHelp(): string {
  const flag = (text: string, summary: string): string => `  ${text.padEnd(32)}${summary}`
  return [
    'openwork-server: publishes workspace folders and the opencode working in them to remote clients',
    '',
    'Usage: openwork-server [flags]',
    '',
    flag('--config <file>', 'Settings file (default ~/.config/openwork/server.json)'),
    flag('--host <address>', 'Address to listen on (default 127.0.0.1)'),
    flag('--port <n>', 'Port, 0 for any free one (default 8787)'),
    flag('--allowed-hosts <list>', 'More names this server is reached by'),
    flag('--token <token>', 'Client token (default: generated)'),
    flag('--host-token <token>', 'Host token (default: generated)'),
    flag('--workspace <path>', 'Folder to publish; repeatable'),
    flag('--approval <mode>', 'manual or auto (default manual)'),
    flag('--approval-timeout <ms>', 'How long an approval waits (default 30000)'),
    flag('--cors <list>', 'Origins of web pages that may call (default: none)'),
    flag('--read-only', 'Refuse every change'),
    flag('--opencode-base-url <url>', 'Where opencode listens'),
    flag('--opencode-directory <path>', 'Folder opencode works in'),
    flag('--opencode-username <name>', 'Its user name'),
    flag('--opencode-password <text>', 'Its password; prefer the variable: arguments are visible to others'),
    flag('--catalog-ignore <list>', 'Globs of files to leave out of catalogs, beside .git and node_modules'),
    flag('--log-format <format>', 'pretty or json (default pretty)'),
    flag('--log-requests', 'Log every request (default; --no-log-requests: off)'),
    flag('--verbose', 'Print the resolved settings at start'),
    flag('--help, -h', 'Print this'),
    flag('--version', 'Print the version'),
    '',
    'Every flag can be given as a variable: OPENWORK_HOST, OPENWORK_PORT, OPENWORK_TOKEN, OPENWORK_HOST_TOKEN,',
    'OPENWORK_WORKSPACES, OPENWORK_APPROVAL_MODE, OPENWORK_CORS_ORIGINS, OPENWORK_ALLOWED_HOSTS, …',
    '',
  ].join('\n')
}
