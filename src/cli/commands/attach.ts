import { REDACTED } from '../../shared/redact.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { connectToHost } from '../hosts/host-connection.ts'
import { planAttach, printedCommand, runAttach } from '../hosts/opencode-attach.ts'
import { hasTerminal, terminalRequired } from '../how-to-run.ts'
import { defineCommand } from '../kit/define.ts'
import { bool } from '../kit/flags.ts'

const ASK_LIMIT_MS = 10_000

export const attach = defineCommand({
  path: 'attach',
  summary: "Work in a host with opencode's own terminal interface",
  description:
    'Runs `opencode attach` with the opencode of the host, and gives it the credentials in its environment. The host goes ' +
    'on when you leave it.',
  examples: [
    { command: 'openwork attach', does: 'the host that runs, or the one of this folder' },
    { command: 'openwork attach -- --continue', does: 'pass arguments on to opencode' },
    { command: 'openwork attach daemon --print', does: 'only see the command' },
  ],
  args: {
    host: {
      summary: 'Its run id or how that begins, process id or folder, or `daemon`; the only one that runs when left out',
      optional: true,
    },
    args: { summary: 'For `opencode attach`, behind `--`', optional: true, variadic: true },
  },
  flags: {
    print: bool({ default: false, summary: 'Print the command, without the credentials, instead of running it' }),
    dataDir: dataDirFlag,
  },
  async run({ host: first, args: rest, print, dataDir }, context) {
    const { output } = context
    // `attach -- --continue`: no host begins with a dash.
    const isForOpencode = first?.startsWith('-') === true
    const word = isForOpencode ? undefined : first
    const args = isForOpencode ? [first, ...rest] : rest
    const host = await chooseHostMeant(word, dataDir, context)
    if (!print && !hasTerminal(context))
      throw terminalRequired('`openwork attach`', 'To see what it would run: openwork attach --print')
    // Some seconds go by before it draws, with which this line is gone.
    if (!print) output.note('Opening opencode…')
    const client = connectToHost(host, context, ASK_LIMIT_MS)
    const plan = await planAttach(host, await client.snapshot(), { word, args }, context)
    if (print) {
      const env = { OPENCODE_SERVER_USERNAME: REDACTED, OPENCODE_SERVER_PASSWORD: REDACTED }
      output.result({ argv: plan.argv, env, cwd: plan.cwd }, () => printedCommand(plan))
      return 0
    }
    const { opencodeUsername: username, opencodePassword: password } = await client.credentials()
    return await runAttach(plan, { username, password }, context)
  },
})
