import { describe, expect, test } from 'bun:test'
import { Secret } from '../../../src/shared/secret.ts'
import { run } from './harness.ts'

test('a flag beats its variable, a variable beats the default, and the command can tell which it was', async () => {
  const env = { SAMPLE_PORT: '9000', SAMPLE_CORS: 'http://a' }
  const { calls } = await run(['start', '--openwork-port', '9001'], { env })
  expect(calls[0]).toMatchObject({
    values: { openworkPort: 9001, cors: ['http://a'], approval: 'manual', openworkToken: undefined },
    sources: { openworkPort: 'flag', cors: 'env', approval: 'default', openworkToken: undefined },
  })
})

test('several variables are asked in their order, and a blank one counts as not set', async () => {
  const both = { SAMPLE_APPROVAL_MODE: 'auto', SAMPLE_APPROVAL: 'manual' }
  expect((await run(['start'], { env: both })).calls[0]?.values.approval).toBe('auto')
  const second = { SAMPLE_APPROVAL_MODE: ' ', SAMPLE_APPROVAL: 'auto', SAMPLE_TOKEN: '', SAMPLE_PORT: '\t' }
  expect((await run(['start'], { env: second })).calls[0]).toMatchObject({
    values: { approval: 'auto', openworkToken: undefined, openworkPort: 8787 },
    sources: { openworkPort: 'default' },
  })
})

test('a bad variable is an error that names it, unless a flag makes it irrelevant', async () => {
  const env = { SAMPLE_PORT: 'abc' }
  const { code, stderr, calls } = await run(['start'], { env })
  expect(code).toBe(2)
  expect(stderr).toContain('SAMPLE_PORT')
  expect(stderr).toContain('--openwork-port')
  expect(stderr).toContain('"abc"')
  expect(calls).toEqual([])
  expect((await run(['start', '--openwork-port', '1'], { env })).code).toBe(0)
})

test('enumerations ignore case and blanks and know their aliases', async () => {
  for (const word of ['auto', ' AUTO ', 'Automatic'])
    expect((await run(['start', '--approval', word])).calls[0]?.values.approval).toBe('auto')
})

test('paths become absolute against the current folder and the home folder', async () => {
  const workspace = async (typed: string) => (await run(['start', '--workspace', typed])).calls[0]?.values.workspace
  expect(await workspace('a/../b')).toBe('/work/b')
  expect(await workspace('/abs')).toBe('/abs')
  expect(await workspace('~/x')).toBe('/home/ada/x')
  expect(await workspace('~')).toBe('/home/ada')
  expect(await workspace('~eve/x')).toBe('/work/~eve/x')
  expect((await run(['start'])).calls[0]?.values.workspace).toBe('/work')
})

test('URLs lose the slashes at their end, so that a path can be put behind them', async () => {
  const url = async (typed: string) => (await run(['status', '--openwork-url', typed])).calls[0]?.values.openworkUrl
  expect(await url('http://Box:8787/')).toBe('http://box:8787')
  expect(await url('https://box/w/1//')).toBe('https://box/w/1')
  expect(await url('https://box/w/?x=/')).toBe('https://box/w/?x=/')
})

test('a secret arrives wrapped', async () => {
  const { calls } = await run(['start'], { env: { SAMPLE_TOKEN: 'hunter2hunter2' } })
  const token = calls[0]?.values.openworkToken
  expect(token).toBeInstanceOf(Secret)
  expect(String(token)).toBe('***')
  expect((token as Secret).reveal()).toBe('hunter2hunter2')
})

describe('refused values: one line that names the flag, what was given, and what is allowed', () => {
  const refused: [string[], ...string[]][] = [
    [['start', '--openwork-port', 'abc'], '--openwork-port', '"abc"', '0 to 65535'],
    [['start', '--openwork-port', '99999999'], '--openwork-port', '"99999999"', '65535'],
    [['start', '--openwork-port', '-1'], '--openwork-port', '"-1"', '65535'],
    [['start', '--openwork-port', '80.5'], '"80.5"'],
    [['start', '--openwork-port', '0x50'], '"0x50"'],
    [['start', '--openwork-port='], '--openwork-port', '""'],
    [['start', '--approval', 'banana'], '--approval', '"banana"', 'manual or auto'],
    [['start', '--approval', 'manuel'], '--approval', '"manuel"', 'Did you mean manual?'],
    [['start', '--approval-timeout', '-5'], '--approval-timeout', '"-5"', '1 or more', 'ms'],
    [['start', '--approval-timeout', '1e3'], '"1e3"'],
    [['files', 'read', 's1', '--limit', '10001'], '--limit', '"10001"', 'from 0 to 10000'],
    [['start', '--workspace', ' '], '--workspace', 'a path'],
    [['start', '--verbose=banana'], '--verbose', '"banana"', 'true or false'],
    [['start', '--no-tui=yes'], '--no-tui', '--tui=true'],
    [['start', '--cors', '["a"'], '--cors', 'JSON array'],
    [['start', '--cors', '[1]'], '--cors', '"[1]"'],
    [['status', '--openwork-url', 'box:8787'], '--openwork-url', '"box:8787"', 'http:// or https://'],
    [['status', '--openwork-url', 'ftp://box'], '"ftp://box"'],
    [['files', 'write', 's1', '--label', ''], '--label', '""'],
  ]
  for (const [argv, ...mentions] of refused)
    test(argv.join(' '), async () => {
      const { code, stdout, stderr, calls } = await run(argv)
      expect(code).toBe(2)
      expect(stdout).toBe('')
      expect(stderr).toMatch(/^sample: [^\n]+\n$/)
      for (const mention of mentions) expect(stderr).toContain(mention)
      expect(calls).toEqual([])
    })
})

test('what is echoed of a value stays on one line, is not endless, and cannot drive the terminal', async () => {
  const { stderr } = await run(['start', '--approval', `a\n\x1b[31m\x9b${'x'.repeat(5_000)}`])
  expect(stderr).toMatch(/^[\x20-\x7e…]+\n$/)
  expect(stderr.length).toBeLessThan(250)
})

test('no failure shows a secret', async () => {
  const token = 'tok-8c1f2e'
  const attempts: [string[], Record<string, string>][] = [
    [['start', `--openwork-token=${token}\n`], {}],
    [['start'], { SAMPLE_TOKEN: `${token}\u0007` }],
    [['start', `--openwork-tokn=${token}`], {}],
    [['start', '--openwork-tokn', token], {}],
    [['status', '--openwork-url', `ftp://ada:x@${token}@box`], {}],
  ]
  for (const [argv, env] of attempts)
    for (const json of [[], ['--json']]) {
      const { code, stdout, stderr } = await run([...argv, ...json], { env })
      expect(code).toBe(2)
      expect(stdout + stderr).not.toContain(token)
    }
})
