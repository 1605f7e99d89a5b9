import type { HostCredentials } from '../../api/host.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { hostArg } from '../hosts/find-host.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import { defineCommand } from '../kit/define.ts'

const ASK_LIMIT_MS = 10_000

export const credentials = defineCommand({
  path: 'credentials',
  summary: 'The tokens and the opencode password of a host that runs; shows secrets',
  description:
    'Prints them on stdout, in a terminal as well as into a pipe: mind who sees the screen and where its output goes. Only ' +
    'who may read the data dir is told. A device is better given a token of its own: `openwork url --pair`.',
  examples: [
    { command: 'openwork credentials', does: 'of the host that runs' },
    { command: 'openwork credentials --json | jq -r .clientToken', does: 'one of them, for a script' },
  ],
  args: { host: hostArg },
  flags: { dataDir: dataDirFlag },
  async run({ host: word, dataDir }, context) {
    const host = await chooseHostMeant(word, dataDir, context)
    const found = await connectToHost(host, context, ASK_LIMIT_MS).credentials()
    const { runId, connectUrl } = host
    context.output.result({ runId, connectUrl, ...found }, () => credentialsText(found))
  },
})

const credentialsText = (found: HostCredentials): string =>
  [
    row('Client token', found.clientToken),
    row('Owner token', found.ownerToken ?? 'none: the host is starting, or read-only'),
    row('Host token', found.hostToken),
    row('opencode user', found.opencodeUsername),
    row('opencode password', found.opencodePassword),
  ].join('\n')

const row = (label: string, value: string): string => `${label.padEnd(17)}  ${value}`
