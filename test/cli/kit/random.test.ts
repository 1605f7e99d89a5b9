import { expect, test } from 'bun:test'
import { FAILURES } from '../../../src/shared/errors.ts'
import { seededRandom } from '../../fixtures/random.ts'
import { run } from './harness.ts'

const WORDS = [
  ...[
    'start',
    'serve',
    'status',
    'daemon',
    'stop',
    'files',
    'read',
    'write',
    'approvals',
    'reply',
    'help',
    'workspace',
  ],
  ...[
    '--workspace',
    '--approval',
    '--approval=auto',
    '--approval=',
    '--tui',
    '--no-tui',
    '--no-tui=1',
    '--verbose=off',
  ],
  ...['--openwork-port', '--openwork-port=0', '--cors', '--cors=[', '--content', '--content=', '--limit', '--force'],
  ...['--openwork-url', 'http://x', '--host-token', '--knock', '--no-json', '--no-help', '--json=1', '-h', '-v', '-x'],
  ...['--', '-', '---', '--=', '--no-', '-=', '', ' ', '5', '-5', '007', '1e309', 'auto', 'a=b', '[', '["a"]'],
  ...['__proto__', '--__proto__', '--constructor=1', '--no-toString', '--_', '\0', '\n', '--\n', 'é', '\ud800', '🦊'],
]

test('no command line makes the kit do anything but run the command or tell what is wrong', async () => {
  const random = seededRandom(20_260_401)
  const pick = () => WORDS[Math.floor(random() * WORDS.length)] ?? ''
  const noise = () => String.fromCharCode(...Array.from({ length: 1 + random() * 6 }, () => random() * 0x250))
  const seen = new Set<string>()
  for (let round = 0; round < 3_000; round++) {
    const argv = Array.from({ length: Math.floor(random() * 7) }, () => (random() < 0.1 ? noise() : pick()))
    const { code, stdout, stderr, calls } = await run(['--json', ...argv, ...(argv.includes('--') ? [] : ['--json'])])
    const line = JSON.stringify(argv)
    const document = argv.some(arg => arg.startsWith('--no-json')) ? undefined : parse(stdout, line)
    expect(stderr, line).not.toContain('internal error')
    if (code === 0) expect(calls.length, line).toBeLessThanOrEqual(1)
    else {
      expect({ code, calls }, line).toEqual({ code: 2, calls: [] })
      if (document) expect(Object.keys(FAILURES), line).toContain(String(document.code))
    }
    seen.add(String(document?.code ?? document?.ran ?? 'text'))
  }
  // The words are mixed well enough to come by every kind of outcome.
  for (const outcome of ['start', 'status', 'unknown_flag', 'unknown_command', 'missing_value', 'invalid_value'])
    expect(seen).toContain(outcome)
})

function parse(stdout: string, line: string): { code?: string; ran?: string } {
  try {
    return JSON.parse(stdout)
  } catch (cause) {
    throw new Error(`not one JSON document for ${line}: ${stdout}`, { cause })
  }
}
