import { type KnownSetting, knownSettings } from '../config/known-settings.ts'
import { settingsPath } from '../config/settings-file.ts'
import { defineCommand } from '../kit/define.ts'
import { renderTable } from '../text-table.ts'
import { program } from './index.ts'

export const configList = defineCommand({
  path: 'config list',
  aliases: ['config ls'],
  summary: 'What you have set, where it comes from, and what is wrong with it; exits 2 when something is',
  toleratesSettings: true,
  flags: {},
  async run(_, context) {
    const { settings, problems } = await knownSettings(program, context)
    const [first, ...others] = problems
    for (const { message, hint } of others) context.output.note(`${program.name}: ${message}${hint ? `. ${hint}` : ''}`)
    context.output.result(
      {
        path: settingsPath(context) ?? null,
        settings,
        problems: problems.map(({ code, message, hint }) => ({ code, error: message, ...(hint && { hint }) })),
      },
      () =>
        settings.length === 0 ? 'Nothing is set; `openwork help configuration` tells what can be.' : table(settings),
    )
    if (!first) return 0
    if (!context.json) throw first
    return first.exitCode
  },
})

const table = (settings: readonly KnownSetting[]): string =>
  renderTable(
    ['SETTING', 'VALUE', 'FOR', 'FROM'],
    settings.map(({ key, value, command, source, from, overriddenBy }) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
      command ?? 'all',
      `${source === 'env' ? `the environment, ${from}` : from}${overriddenBy ? `; ${overriddenBy} counts before it` : ''}`,
    ]),
  )
