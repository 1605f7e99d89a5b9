import { expect, test } from 'bun:test'
import { Collection } from '../../src/doctor/bundle/entry.ts'
import { KnownSecrets } from '../../src/doctor/bundle/known-secrets.ts'
import { removeSecrets } from '../../src/doctor/bundle/remove-secrets.ts'
import { Scrubber } from '../../src/doctor/bundle/scrub.ts'
import { sealBundle } from '../../src/doctor/bundle/write-bundle.ts'

const SECRET = 'pa ss/w+rd&"€-12345'

function scrubberOf(...values: string[]): Scrubber {
  const known = new KnownSecrets()
  for (const value of values) known.add(value)
  return new Scrubber(known)
}

test('a known secret is masked however it is written', () => {
  const bytes = Buffer.from(SECRET)
  const written = [
    SECRET,
    JSON.stringify(SECRET),
    JSON.stringify(JSON.stringify(SECRET)),
    JSON.stringify(SECRET).replace('€', '\\u20ac'),
    encodeURIComponent(SECRET),
    new URLSearchParams({ q: SECRET }).toString().slice(2),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    [...bytes].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  ]
  const scrubbed = scrubberOf(SECRET).scrub(written.map(text => `before ${text} after`).join('\n'))
  expect(scrubbed.match(/\[REDACTED\]/g)).toHaveLength(written.length)
  for (const text of written) expect(scrubbed).not.toContain(text)
})

test('a password inside of base64 is masked wherever it begins', () => {
  for (const user of ['', 'u', 'us', 'use', 'opencode']) {
    const header = Buffer.from(`${user}:${SECRET}`).toString('base64')
    const scrubbed = scrubberOf(SECRET).scrub(`{"x":"${header}"}`)
    expect(Buffer.from(scrubbed, 'base64').toString()).not.toContain('12345')
    expect(scrubbed).toContain('[REDACTED]')
  }
})

test('what looks like a secret is masked although nobody knows it', () => {
  const scrub = (text: string) => scrubberOf().scrub(text)
  for (const secret of [
    `sk-ant-${'a'.repeat(30)}`,
    `ghp_${'A1'.repeat(18)}`,
    `eyJ${'a'.repeat(20)}.${'b'.repeat(20)}.${'c'.repeat(20)}`,
    '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----',
  ])
    expect(scrub(`x ${secret} y`)).toBe('x [REDACTED] y')
  expect(scrub('get https://me:hunter2@host/x?token=abc&y=1')).toBe('get https://[REDACTED]host/x?token=[REDACTED]&y=1')
  expect(scrub('run --host-token=abcdef --port 1')).toBe('run --host-token=[REDACTED] --port 1')
})

test('ordinary text stays as it is', () => {
  const text = 'opencode listens at http://127.0.0.1:4096, 3 tokens in 12 ms, PATH=/usr/bin\n'
  expect(scrubberOf('another secret').scrub(text)).toBe(text)
})

test('megabytes with many known secrets are searched in one pass', () => {
  const secrets = Array.from({ length: 2_000 }, (_, at) => `secret-number-${at}-${'x'.repeat(20)}`)
  const text = `${'-a'.repeat(1_000_000)} ${secrets[1_999]} ${'://'.repeat(500_000)}`
  expect(scrubberOf(...secrets).scrub(text)).not.toContain('secret-number')
})

test('settings lose the values of keys that sound like secrets, and keep what helps', () => {
  const known = new KnownSecrets()
  const removed = removeSecrets(
    {
      model: 'anthropic/claude',
      provider: { anthropic: { options: { apiKey: 'value-of-key', baseURL: 'https://api', timeout: 5 } } },
      mcp: {
        one: { command: ['npx', 'server', '--api-key', 'value-in-argv', '--token=value-in-word'], enabled: true },
        two: { headers: { 'X-Anything': 'value-in-header' }, environment: { A: 'value-in-env', B: '{env:B}' } },
      },
      server: { password: 123456, hostToken: '' },
    },
    known,
  )
  expect(removed).toEqual({
    model: 'anthropic/claude',
    provider: { anthropic: { options: { apiKey: '[REDACTED]', baseURL: 'https://api', timeout: 5 } } },
    mcp: {
      one: { command: ['npx', 'server', '--api-key', '[REDACTED]', '--token=[REDACTED]'], enabled: true },
      two: { headers: { 'X-Anything': '[REDACTED]' }, environment: { A: '[REDACTED]', B: '{env:B}' } },
    },
    server: { password: '[REDACTED]', hostToken: '' },
  })
  expect(known.values).toEqual(['value-of-key', 'value-in-argv', 'value-in-word', 'value-in-header', 'value-in-env'])
})

test('the parts of a header and of a URL are known by themselves', () => {
  const known = new KnownSecrets()
  known.add(`Basic ${Buffer.from('opencode:hunter2222').toString('base64')}`)
  known.add('https://user:pass%40word@proxy.test:8080/')
  expect(known.values).toContain('hunter2222')
  expect(known.values).toContain('pass@word')
  expect(known.values).not.toContain('opencode')
})

test('where there may be secrets that nobody knows, no log leaves', () => {
  const collection = new Collection()
  for (const name of ['logs/a.log', 'logs/a.log.1', 'config/openwork.json']) collection.add(name, 'a text')
  const known = new KnownSecrets()
  expect(sealBundle(collection, known).entries).toHaveLength(3)
  known.noteIncomplete()
  const { entries, leftOut, manifest } = sealBundle(collection, known)
  expect(entries.map(({ name }) => name)).toEqual(['config/openwork.json'])
  expect(leftOut.map(({ name }) => name)).toEqual(['logs/a.log', 'logs/a.log.1'])
  expect(manifest).toContain('logs/a.log: there are more secrets here than are searched for')
})
