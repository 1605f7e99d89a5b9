import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { program } from '../../../src/cli/commands/index.ts'
import { topics } from '../../../src/cli/help/topics.ts'
import { globalFlagsOf, loadCommand } from '../../../src/cli/kit/define.ts'
import { CommandTree } from '../../../src/cli/kit/locate.ts'
import { runCli } from '../../../src/cli/kit/run.ts'
import { FlagTable, flagName } from '../../../src/cli/kit/table.ts'
import { FAILURES } from '../../../src/shared/errors.ts'

async function help(...words: string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const io = { env: { OPENWORK_CONFIG: 'off' }, cwd: '/', home: '/', stdin, stderr }
  const code = await runCli(program, ['help', ...words], { ...io, stdout: Object.assign(stdout, { columns: 100 }) })
  return { code, text: String(stdout.read() ?? ''), failure: String(stderr.read() ?? '') }
}

test('each topic has a page, which help lists', async () => {
  const { text: all } = await help()
  for (const { name, summary } of topics) {
    const { code, text } = await help(name)
    expect(code).toBe(0)
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`openwork help ${name}: ${summary}`)
    expect(all).toContain(`help ${name}`)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  }
})

test('the pages name no command and no flag that there is not', async () => {
  const tree = new CommandTree(program)
  const commands = await Promise.all(program.commands.map(loadCommand))
  const flags = new FlagTable(Object.assign({}, ...commands.map(({ flags }) => flags), globalFlagsOf(program)))
  for (const { name } of topics) {
    const text = (await help(name)).text.replaceAll(/\s+/g, ' ')
    for (const [, called = ''] of text.matchAll(/openwork ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)/g)) {
      const [first = '', second = ''] = called.split(' ')
      if (first === 'help')
        expect([name, second, [...topics].some(topic => topic.name === second)]).toEqual([name, second, true])
      else if (text.includes(`\`openwork ${called}`))
        expect([name, tree.under([first]).length > 0]).toEqual([name, true])
    }
    for (const [flag] of text.matchAll(/--[a-z][a-z-]+/g))
      expect([name, flag, flags.match(flag) !== undefined]).toEqual([name, flag, true])
  }
})

test('every variable of every flag and every failure code is on its page', async () => {
  const commands = await Promise.all(program.commands.filter(({ hidden }) => !hidden).map(loadCommand))
  const { text: environment } = await help('environment')
  for (const { flags } of commands)
    for (const [key, flag] of Object.entries(flags))
      for (const variable of flag.hidden ? [] : flag.env)
        expect([flagName(key), environment.includes(variable)]).toEqual([flagName(key), true])
  const { text: codes } = await help('exit-codes')
  for (const code of Object.keys(FAILURES)) expect(codes).toContain(code)
})

test('help on what there is none on says what is close to it', async () => {
  expect(await help('secruity')).toMatchObject({
    code: 2,
    failure: expect.stringContaining('Did you mean `openwork help security`?'),
  })
  expect(await help('stauts')).toMatchObject({ code: 2, failure: expect.stringContaining('`openwork help status`') })
  expect(await help('daemon', 'strt')).toMatchObject({
    code: 2,
    failure: expect.stringContaining('`openwork daemon start`'),
  })
  expect((await help('topics')).failure).toContain(`The topics are ${topics.map(({ name }) => name).join(', ')};`)
})
