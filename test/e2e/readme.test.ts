import { expect, test } from 'bun:test'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, newWorld, ROOT } from './harness.ts'

const README = await Bun.file(join(ROOT, 'README.md')).text()
const BEGIN = '<!-- output:ready:begin -->\n```\n'
const shown = README.slice(README.indexOf(BEGIN) + BEGIN.length, README.indexOf('```\n<!-- output:ready:end -->'))

/** Without what differs from machine to machine and from run to run. */
const general = (text: string): string =>
  text
    .replaceAll(/\/\S+(?=\/workspaces\/ws-)/g, '<data>')
    .replaceAll(/ws-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/((?:Workspace +|workspace=))\S+/g, '$1<workspace>')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<run>')
    .replaceAll(/(?<=pid=)\d+/g, '<pid>')
    .replaceAll(/(?<=version=)\S+/g, '<version>')
    .replaceAll(/\b\d+ms\b/g, '<ms>')
    .replaceAll(/:\d{4,5}\b/g, ':<port>')

/** The log as a set of lines, for the programs of a host write side by side; and the text, as it is. */
function parts(text: string): { log: string[]; text: string } {
  const lines = general(text).trim().split('\n')
  return {
    log: lines.filter(line => line.startsWith('[')).sort(),
    text: lines.filter(line => !line.startsWith('[')).join('\n'),
  }
}

test('the README shows what a first run prints', async () => {
  await using world = await newWorld()
  rmSync(join(world.workspace, 'opencode.json'))
  const command = world.start(['start', '--openwork-port', '0'])
  await command.prints(/Stop with Ctrl-C/)
  const expected = parts(shown)
  const printed = (): ReturnType<typeof parts> => parts(command.text('stdout'))

  // What the server logs about the last requests of the start may come after the text.
  await eventually('all lines of the log', () => expected.log.every(line => printed().log.includes(line)))

  expect(printed()).toEqual(expected)
  expect(command.text('stderr')).toBe('')
  expect(readFileSync(join(world.workspace, 'opencode.jsonc'), 'utf8')).toBe(
    '{\n  "$schema": "https://opencode.ai/config.json"\n}\n',
  )
})
