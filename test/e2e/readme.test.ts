import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { newWorld } from './harness.ts'

const README = await Bun.file(join(import.meta.dir, '..', '..', 'README.md')).text()

/** Without what differs from machine to machine and from run to run. */
const general = (text: string): string[] =>
  text
    .slice(text.indexOf('openwork is ready'), text.indexOf('Stop with Ctrl-C.'))
    .replaceAll(/\/\S+\/workspaces\/ws-\w+/g, '<data>')
    .replaceAll(/(?<=Workspace +)\S+/g, '<workspace>')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(/:\d{4,5}/g, ':<port>')
    .split('\n')

test('the README shows what a first run prints', async () => {
  await using world = await newWorld()
  const command = world.start(['start'])
  await command.prints(/Stop with Ctrl-C/)

  const shown = README.slice(README.indexOf('<!-- output:ready:begin -->'), README.indexOf('<!-- output:ready:end -->'))
  expect(general(command.text('stdout'))).toEqual(general(shown))
  for (const line of shown.match(/^\[.*(?:ready|starting) pid/gm) ?? []) expect(command.text('stdout')).toContain(line)
})
