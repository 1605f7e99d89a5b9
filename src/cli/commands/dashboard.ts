import { lookOf } from '../dashboard/show.ts'
import { showGuest } from '../dashboard/show-guest.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { colorFlag, plainFlag } from '../flags/look-flags.ts'
import { chooseHostMeant } from '../hosts/choose-host.ts'
import { hostArg } from '../hosts/find-host.ts'
import { hasTerminal, terminalRequired } from '../how-to-run.ts'
import { defineCommand } from '../kit/define.ts'
import { takeInterruptions } from '../signals.ts'

export const dashboard = defineCommand({
  path: 'dashboard',
  summary: 'Show a host that runs, or the daemon: services, logs, approvals and sessions',
  description: 'It goes on when the dashboard is left.',
  examples: [
    { command: 'openwork dashboard', does: 'the only host, or the one of the current folder' },
    { command: 'openwork dashboard daemon', does: 'the daemon' },
    { command: 'openwork dashboard --plain', does: 'for a screen reader; `help` lists what can be typed' },
  ],
  args: { host: hostArg },
  flags: {
    plain: plainFlag,
    color: colorFlag,
    dataDir: dataDirFlag,
  },
  async run({ host: word, plain, color, dataDir }, context) {
    if (context.json || !hasTerminal(context))
      throw terminalRequired('The dashboard', '`openwork ps` and `openwork logs` work without one.')
    const host = await chooseHostMeant(word, dataDir, context)
    const interruptions = takeInterruptions()
    try {
      await showGuest(host, dataDir, { ...lookOf({ plain, color }, context), interruptions, context })
    } finally {
      interruptions.release()
    }
  },
})
