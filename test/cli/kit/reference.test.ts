import { expect, test } from 'bun:test'
import { renderReference, replaceReference } from '../../../src/cli/kit/reference.ts'
import { sample } from './harness.ts'

test('the reference tells of every visible command and flag', async () => {
  const page = await renderReference(sample)
  for (const { path, hidden } of sample.commands) expect(page.includes(`\`sample ${path}\``)).toBe(!hidden)
  expect(page).toContain(
    '| `--approval <manual\\|auto>` | Whether changes wait for an approval | manual | `SAMPLE_APPROVAL_MODE`, `SAMPLE_APPROVAL` |',
  )
  expect(page).toContain('| `--host-token <secret>` | Host token | required | `SAMPLE_HOST_TOKEN` |')
  expect(page).toContain('sample files read <session> [<targets>…] [flags]')
  expect(page).toContain('| `<session>` | Session id |')
  expect(page).not.toContain('internal-dev-mode')
})

test('commands that share their flags show them once', async () => {
  const page = await renderReference(sample)
  expect(page).toContain('Its flags are those of `sample start`.')
  expect(page.match(/`--openwork-port <port>`/g)).toHaveLength(1)
})

test('every row of a table has as many cells as its head', async () => {
  const rows = (await renderReference(sample)).split('\n').filter(line => line.startsWith('|'))
  expect(rows.length).toBeGreaterThan(20)
  for (const row of rows) expect([3, 5]).toContain(row.replaceAll('\\|', '').split('|').length - 1)
})

test('it replaces what stands between its marks and is then up to date', () => {
  const page = '# Title\n<!-- reference:begin -->\nold\n<!-- reference:end -->\nmore\n'
  const fresh = replaceReference(page, 'new')
  expect(fresh).toBe('# Title\n<!-- reference:begin -->\n\nnew\n\n<!-- reference:end -->\nmore\n')
  expect(replaceReference(fresh, 'new')).toBe(fresh)
  expect(() => replaceReference('# Title', 'new')).toThrow('reference:begin')
})
