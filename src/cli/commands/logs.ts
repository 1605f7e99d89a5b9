import { dataDirFlag } from '../flags/data-dir-flag.ts'
import { findLog } from '../hosts/find-log.ts'
import { showLog } from '../hosts/show-log.ts'
import { defineCommand } from '../kit/define.ts'
import { bool, enumeration, integer, text } from '../kit/flags.ts'
import { LEVELS, type LogLine } from '../log-files/log-line.ts'
import { parseSince } from '../log-files/parse-since.ts'

/** As much as a screen takes, of what is there when one begins to follow. */
const TAIL_OF_FOLLOWED = 50

export const logs = defineCommand({
  path: 'logs',
  summary: 'The log of a host, also of one that has ended',
  description:
    'A host with a dashboard, one in the background and the daemon write their log to files, which are kept for a while after ' +
    'they have ended. Of one that shows its log itself, as `serve` does, the last 5000 lines are shown while it runs.',
  jsonText: 'Print the log records as they are kept, each a JSON document on a line of its own; notes go to stderr',
  examples: [
    { command: 'openwork logs -f', does: 'see what goes on, until Ctrl-C or until the host ends' },
    {
      command: 'openwork logs --service opencode --level warn --since 15m',
      does: 'what opencode complained of lately',
    },
    { command: 'openwork logs 3f2a --json | jq .body', does: 'the log of a certain host, as records' },
  ],
  args: {
    host: {
      summary: 'Run id or how it begins, process id, folder, or `daemon`; without it the host that runs, or ran last',
      optional: true,
    },
  },
  flags: {
    follow: bool({ default: false, short: 'f', summary: 'Go on with what comes, until the host ends' }),
    service: text({ valueName: 'name', summary: 'Only lines of this service, such as opencode' }),
    level: enumeration({ values: LEVELS, default: 'debug', summary: 'Only lines of this level and above' }),
    since: text({
      perCall: true,
      valueName: 'time',
      summary: 'Only lines from then on: 15m (ago), 14:05, 2026-01-31T14:05',
    }),
    tail: integer({
      short: 'n',
      valueName: 'n',
      summary: 'Only the last so many lines of those that are there',
      defaultText: `all; with --follow ${TAIL_OF_FOLLOWED}, unless --since is given`,
    }),
    dataDir: dataDirFlag,
  },
  async run({ host, follow, service, level, since, tail, dataDir }, context) {
    const sinceMs = since === undefined ? undefined : parseSince(since, Date.now(), context.label('since'))
    const found = await findLog(host, dataDir, context)
    const lowest = LEVELS.indexOf(level)
    const query = {
      sinceMs,
      tail: tail ?? (follow && since === undefined ? TAIL_OF_FOLLOWED : undefined),
      wants: (line: LogLine) =>
        (service === undefined || line.service === service) &&
        LEVELS.indexOf(line.level) >= lowest &&
        (sinceMs === undefined || (line.atMs !== undefined && line.atMs >= sinceMs)),
    }
    await showLog(found, query, { follow, dataDir }, context)
  },
})
