import { clockTime } from '../clock-time.ts'
import { AUTOSTART, autostartFlags } from '../daemon/daemon-flags.ts'
import { connectToWorkspace } from '../daemon/workspace-command.ts'
import { workspaceArgs } from '../daemon/workspace-word.ts'
import { defineCommand } from '../kit/define.ts'
import { duration, text } from '../kit/flags.ts'
import { onOneLine } from '../kit/one-line.ts'
import { showResult } from '../scripted-result.ts'

export const instanceLease = defineCommand({
  path: 'instance lease',
  summary: 'Keep a workspace from being unloaded as idle, for a while',
  description:
    'For programs that talk to opencode itself and only read: nobody else can tell that they are there. ' +
    `\`openwork instance release\` ends it before its time. ${AUTOSTART}`,
  examples: [{ command: 'openwork instance lease shop --for 8h --label "nightly run"', does: 'for a working day' }],
  args: workspaceArgs,
  flags: {
    for: duration({ minMs: 1_000, maxMs: 86_400_000, default: 3_600_000, summary: 'How long it lasts' }),
    label: text({ perCall: true, summary: 'Whose it is, for people' }),
    ...autostartFlags,
  },
  async run({ workspace: word, for: ttlMs, label, ...values }, context) {
    const { client, meant } = await connectToWorkspace(word, values, context)
    const lease = await client.lease(meant, { ttlMs, ...(label !== undefined && { label }) })
    showResult(context, { ok: true, lease }, () =>
      [
        onOneLine(`${word} is kept in memory until ${clockTime(lease.expiresAt)}: lease ${lease.id}`),
        `End it with \`openwork instance release ${lease.id}\``,
      ].join('\n'),
    )
  },
})
