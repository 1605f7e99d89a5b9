import { spawnSync } from 'node:child_process'
import { OpenworkError } from '../../shared/errors.ts'
import type { Context } from './context.ts'
import { defineCommand, type Program } from './define.ts'
import { bool } from './flags.ts'
import { HelpPage, lookOf, renderHelp } from './help.ts'
import { CommandTree } from './locate.ts'
import { likely } from './nearest.ts'
import { either, shownName, unknownCommand } from './usage.ts'

/** The program with its `help [topic…]`: the pages of its commands, and of what is about more than one of them. */
export function withHelp(program: Program): Program {
  const help = defineCommand({
    path: 'help',
    summary: 'Show help for a command or a topic',
    args: {
      topic: { summary: 'A topic, or the words of a command as in `help status`', optional: true, variadic: true },
    },
    flags: {
      pager: bool({
        default: true,
        defaultText: 'on',
        summary: 'Show what is longer than the terminal in $PAGER, or less',
      }),
    },
    toleratesSettings: true,
    async run({ topic: words, pager }, context) {
      const text = await pageOf(whole, words, context)
      if (!pager || !(await page(text, context))) context.output.result({ help: text }, text)
    },
  })
  const whole: Program = { ...program, commands: [...program.commands, help] }
  return whole
}

async function pageOf(program: Program, words: readonly string[], context: Context): Promise<string> {
  const topics = program.topics ?? []
  const tree = new CommandTree(program)
  const [first, ...others] = words
  const commands = tree.wordsAfter([], 'visible')
  const isCommand = first !== undefined && tree.wordsAfter([], 'all').includes(first)
  // `help daemon` is both; the topic names the commands, and `help daemon run` is the command's.
  const topic = others.length === 0 ? topics.find(({ name }) => name === first) : undefined
  if (topic) {
    const look = lookOf(context)
    const page = new HelpPage(look)
    page.title(`${program.name} help ${topic.name}`, topic.summary)
    await topic.write(page, program)
    return page.toString()
  }
  if (first !== undefined && !isCommand && topics.length > 0) {
    const names = topics.map(({ name }) => name)
    const close = likely(first, [...names, ...commands]).map(word => `\`${program.name} help ${word}\``)
    throw new OpenworkError('unknown_topic', `There is no help on ${shownName(first)}`, {
      hint:
        close.length > 0
          ? `Did you mean ${either(close)}?`
          : `The topics are ${names.join(', ')}; \`${program.name} help\` lists the commands, too.`,
    })
  }
  words.forEach((next, index) => {
    const known = words.slice(0, index)
    if (!tree.wordsAfter(known, 'all').includes(next))
      throw unknownCommand(program.name, { known, next, choices: tree.wordsAfter(known, 'visible') })
  })
  return renderHelp(program, words, lookOf(context))
}

/** Whether a pager showed it: only to a person, and only what does not fit. Without one it is printed. */
async function page(text: string, { stdin, stdout, json, env, output }: Context): Promise<boolean> {
  const rows = stdout.rows ?? 0
  if (json || stdin.isTTY !== true || stdout.isTTY !== true || env.TERM === 'dumb') return false
  if (rows === 0 || text.split('\n').length <= rows || process.platform === 'win32') return false
  const pager = env.PAGER?.trim() || 'less'
  await output.flush()
  // Through a shell, for PAGER may hold flags. R: our colours; F, X: what fits after all stays on the screen.
  const { status } = spawnSync('/bin/sh', ['-c', pager], {
    input: text,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...env, LESS: env.LESS ?? 'FRX' },
  })
  return status === 0
}
