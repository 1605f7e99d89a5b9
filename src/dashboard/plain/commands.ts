/** What can be typed in plain mode; the help is made of it. */
export const COMMANDS = [
  { name: 'status', help: 'services, addresses, what waits' },
  { name: 'approvals', help: 'requests that wait for an answer' },
  { name: 'allow', value: 'number', help: 'allow a request' },
  { name: 'deny', value: 'number', help: 'deny a request' },
  { name: 'sessions', help: 'sessions of opencode' },
  { name: 'logs', help: 'all log lines, or warnings and errors only again' },
  { name: 'restart', value: 'service', help: 'restart a service; asks where that ends work' },
  { name: 'reload', help: 'reload opencode for the workspace' },
  { name: 'pair', help: 'a link that pairs one device' },
  { name: 'detach', help: 'leave, the host goes on' },
  { name: 'stop', help: 'stop the host' },
  { name: 'quit', help: 'leave; a host that was started here is stopped' },
  { name: 'help', help: 'these words' },
] as const satisfies readonly { name: string; value?: string; help: string }[]

export type Command = { name: (typeof COMMANDS)[number]['name']; value: string }

/** The command of a typed line; a text says what is wrong with it. */
export function parseCommand(line: string): Command | string | undefined {
  const [word = '', ...rest] = line.trim().split(/\s+/)
  if (!word) return undefined
  const known = COMMANDS.find(({ name }) => name === word.toLowerCase())
  if (!known) return `"${word}" is not a command. Type "help" for those there are.`
  const value = rest.join(' ')
  if ('value' in known && !value) return `Type "${known.name}" and the ${known.value}.`
  return { name: known.name, value }
}

export const helpText = (): string[] =>
  COMMANDS.map(command => `${command.name}${'value' in command ? ` <${command.value}>` : ''}: ${command.help}`)
