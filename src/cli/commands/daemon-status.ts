import { requireDaemon } from '../daemon/daemon-connection.ts'
import { daemonText, shownAt } from '../daemon/daemon-status-text.ts'
import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { defineCommand } from '../kit/define.ts'
import { showResult } from '../scripted-result.ts'

export const daemonStatus = defineCommand({
  path: 'daemon status',
  summary: 'The daemon, its services and its workspaces; exits 1 when it is not running',
  flags: { dataDir: dataDirFlag },
  async run({ dataDir }, context) {
    const { client, baseUrl } = await requireDaemon(dataDir, context)
    const [{ ok, ...status }, { workspaces }] = await Promise.all([client.status(), client.workspaces()])
    const shown = { ok, baseUrl, ...status }
    showResult(context, shown, () => daemonText(shown, workspaces, shownAt(context)))
  },
})
