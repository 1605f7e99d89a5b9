import { OpenworkError } from '../../shared/errors.ts'
import { ownWords } from '../completions/complete.ts'
import { loadAll, requireSetting } from '../config/check-settings.ts'
import { commandFlag, keyArg } from '../config/config-flags.ts'
import { editSettings, requirePath, settingValue } from '../config/edit-settings.ts'
import type { Context } from '../kit/context.ts'
import { defineCommand } from '../kit/define.ts'
import { askSelect, askText, canAsk } from '../prompts/prompts.ts'
import { program } from './index.ts'

export const configSet = defineCommand({
  path: 'config set',
  summary: 'Keep a setting for all calls to come, unless a flag or a variable says otherwise',
  description:
    'The value is checked as that of the flag would be. The rest of the file stays as it is, comments too. A value of ' +
    '`-` is read from standard input, so that a secret is no argument that others could see.',
  examples: [
    { command: 'openwork config set approval auto', does: 'allow all changes of remote clients' },
    { command: 'openwork config set cors https://a.example https://b.example', does: 'a list' },
    { command: 'openwork config set limit 50 --command "files catalog"', does: 'for one command' },
  ],
  toleratesSettings: true,
  args: { key: keyArg, value: { summary: 'Its value; several for a list', variadic: true, ask: askValue } },
  flags: { command: commandFlag },
  async run({ key, value: words, command }, context) {
    const flag = requireSetting(await loadAll(program), key, command)
    const typed = words.length === 1 && words[0] === '-' ? [await firstLine(context)] : words
    const value = settingValue(flag, key, typed, context)
    const changed = await editSettings(context, { name: key, command, value })
    const path = requirePath(context)
    const shown = flag.secret ? '***' : value
    context.output.result(
      { key, ...(command !== undefined && { command }), value: shown, path, changed },
      `${key} = ${typeof shown === 'string' ? shown : JSON.stringify(shown)}, in ${path}`,
    )
  },
})

/** What is secret is not asked for: it would be seen. */
async function askValue(
  { command }: Readonly<Record<string, unknown>>,
  context: Context,
  [key = '']: readonly string[],
): Promise<string | undefined> {
  if (!canAsk(context)) return undefined
  const flag = requireSetting(await loadAll(program), key, command as string | undefined)
  if (flag.secret) return undefined
  const question = `${key}: ${flag.summary}`
  const words = ownWords(flag)?.candidates ?? []
  if (words.length > 0) {
    const choices = words.map(({ word }) => ({ value: word, label: word }))
    return await askSelect(question, choices, context)
  }
  const check = (typed: string): string | undefined => {
    try {
      settingValue(flag, key, [typed], context)
      return undefined
    } catch (error) {
      if (error instanceof OpenworkError) return error.message
      throw error
    }
  }
  return await askText(question, context, { check })
}

async function firstLine({ stdin }: Pick<Context, 'stdin'>): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return text.split(/\r?\n/, 1)[0] ?? ''
}
