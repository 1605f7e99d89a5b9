import { requireDaemon, tellOtherAddress } from '../daemon/daemon-connection.ts'
import { toleratedFlags } from '../daemon/daemon-flags.ts'
import { daemonText, shownAt } from '../daemon/daemon-status-text.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const daemonStatus = defineCommand({
  path: 'daemon status',
  summary: 'The daemon, its services and its workspaces; exits 1 when it is not running',
  flags: toleratedFlags,
  async run(values, context) {
    const { client, baseUrl } = await requireDaemon(values.dataDir, context)
    tellOtherAddress({ baseUrl }, values, context)
    const [{ ok, ...status }, { workspaces }] = await Promise.all([client.status(), client.workspaces()])
    const shown = { ok, baseUrl, ...status }
    showResult(context, shown, () => daemonText(shown, workspaces, shownAt(context)))
  },
})
