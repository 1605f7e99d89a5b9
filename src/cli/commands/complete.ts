import { complete as completeWords } from '../completions/complete.ts'
import { findWordsOf } from '../completions/find-words.ts'
import { defineCommand } from '../kit/define.ts'
import { text } from '../kit/flags.ts'
import { withHelp } from '../kit/help-command.ts'
import { onOneLine } from '../kit/one-line.ts'
import { program } from './index.ts'

/** What the completion scripts call. A line each: a word, a tab, its meaning; `:files` and `:folders` are the shell's part. */
export const complete = defineCommand({
  path: 'complete',
  summary: 'What may come next in a command line',
  hidden: true,
  toleratesSettings: true,
  args: { words: { summary: 'What stands before it', optional: true, variadic: true } },
  flags: {
    current: text({ default: '', allowEmpty: true, perCall: true, summary: 'What is typed of it' }),
  },
  async run({ words, current }, context) {
    const whole = withHelp(program)
    const { candidates, shell } = await completeWords(whole, { words, current }, findWordsOf(whole, context))
    for (const { word, summary } of candidates)
      context.output.item({ word, summary }, `${onOneLine(word)}\t${onOneLine(summary)}`)
    if (shell) context.output.item({ shell }, `:${shell}`)
  },
})
