import { FAILURES } from '../../shared/errors.ts'
import { loadCommand, type Program } from '../kit/define.ts'
import type { HelpPage } from '../kit/help.ts'
import { flagName } from '../kit/table.ts'

const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'Done, or stopped by you',
  1: 'Something is down, was refused or failed a check; or openwork has a bug, and prints a stack',
  2: 'What was typed, or what stands in a file of settings, is wrong',
  3: 'This machine cannot do it as it is: a folder, a port, a disk',
  4: 'A binary could not be had or trusted',
  5: 'A service did not start or did not stay up',
  130: 'Interrupted: 128 and the number of the signal',
}

export function writeExitCodes(page: HelpPage): void {
  page.table(
    'Exit codes',
    Object.entries(EXIT_CODES).map(([code, text]) => ({ term: code, text, facts: [] })),
  )
  page.paragraph(
    'With --json a failure is a document: { "ok": false, "error", "code", "hint"?, "details"? }. A code never changes its ' +
      'meaning. Codes by what a command ends with:',
  )
  const codes = Object.entries(FAILURES)
  for (const exitCode of [...new Set(codes.map(([, { exitCode }]) => exitCode))].sort((a, b) => a - b)) {
    const names = codes.flatMap(([name, failure]) => (failure.exitCode === exitCode ? [name] : []))
    page.block(String(exitCode), [names.sort().join(' ')])
  }
}

/** Variables that no flag stands for. */
const OTHERS: readonly (readonly [string, string])[] = [
  ['OPENWORK_CONFIG', 'Another file of your own settings, which has to be there; `off` for none'],
  ['NO_COLOR', 'No colours'],
  ['CI', 'Ask nothing, and show no dashboard'],
  ['PAGER', 'Shows help that is longer than the terminal'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'For downloads'],
  ['NODE_EXTRA_CA_CERTS', 'Certificates to trust besides the usual ones'],
]

/** Each variable once, whatever number of commands reads it. */
export async function writeEnvironment(page: HelpPage, program: Program): Promise<void> {
  const commands = await Promise.all(program.commands.filter(({ hidden }) => !hidden).map(loadCommand))
  const rows = new Map<string, { flag: string; text: string; commands: Set<string> }>()
  for (const { path, flags } of commands)
    for (const [key, flag] of Object.entries(flags))
      for (const variable of flag.hidden ? [] : flag.env) {
        const row = rows.get(variable) ?? { flag: flagName(key), text: flag.summary, commands: new Set<string>() }
        row.commands.add(path)
        rows.set(variable, row)
      }
  page.paragraph(
    'A flag counts before its variable, and a variable before your settings. A blank one counts as not set.',
  )
  page.table(
    'Variables',
    [...rows]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([term, { flag, text, commands }]) => ({
        term,
        text,
        facts: [`[${flag}${commands.size === 1 ? ` of ${[...commands][0]}` : ''}]`],
      })),
  )
  page.table(
    'Others',
    OTHERS.map(([term, text]) => ({ term, text, facts: [] })),
  )
}
