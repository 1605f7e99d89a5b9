import { dataDirWords } from '../../orchestrator/follow-up.ts'
import { daemonFlags } from '../daemon/daemon-flags.ts'
import { ensureDaemon } from '../daemon/ensure-daemon.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const daemonStart = defineCommand({
  path: 'daemon start',
  summary: 'Start the daemon in the background, unless it runs already',
  examples: [
    { command: 'openwork daemon start', does: 'as every `workspace` command would, if it does not run' },
    { command: 'openwork daemon start --remote-access --idle-timeout 1h', does: 'with settings of its own' },
  ],
  flags: daemonFlags,
  async run(values, context) {
    const { client, baseUrl, pid, isNew } = await ensureDaemon(values, context)
    const { ok, ...status } = await client.status()
    const where = dataDirWords(values.dataDir, context.home)
    showResult(context, { ok, baseUrl, ...status }, () =>
      [
        `The daemon ${isNew ? 'is running' : 'was running already'}: ${baseUrl}, pid ${pid}`,
        `Clients connect to ${status.openwork.connectUrl}; pair a phone with \`openwork pair${where}\``,
        ...(isNew ? [`Stop it with \`openwork daemon stop${where}\``] : []),
      ].join('\n'),
    )
  },
})
