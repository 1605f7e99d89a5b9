import { describe, expect, test } from 'bun:test'
import { REDACTED, Redactor } from '../../src/shared/redact.ts'
import { secret } from '../../src/shared/secret.ts'

const redactorOf = (...values: string[]): Redactor => {
  const redactor = new Redactor()
  for (const value of values) redactor.add(secret(value))
  return redactor
}

describe('known values', () => {
  test('are masked wherever and however they appear', () => {
    const value = 'p"ss/wörd+1'
    const redactor = redactorOf(value)

    for (const text of [
      `plain ${value} text`,
      JSON.stringify({ value }),
      `https://host/?key=${encodeURIComponent(value)}`,
      `encoded ${Buffer.from(value).toString('base64')}`,
      `${value}${value}`,
    ]) {
      expect(redactor.text(text)).toContain(REDACTED)
      expect(redactor.text(text)).not.toContain(value)
      expect(redactor.text(text)).not.toContain(encodeURIComponent(value))
    }
  })

  test('the longer of two overlapping secrets is masked whole', () => {
    expect(redactorOf('secret-1', 'secret-1-and-more').text('x secret-1-and-more y')).toBe(`x ${REDACTED} y`)
  })

  test('a value of regular expression characters is taken literally', () => {
    expect(redactorOf('a.c(d)[e]$^').text('abc(d)[e]$^ a.c(d)[e]$^')).toBe(`abc(d)[e]$^ ${REDACTED}`)
  })

  test('very short values are not masked: they would blank ordinary words', () => {
    expect(redactorOf('auto').text('approval auto')).toBe('approval auto')
  })
})

describe('unknown secrets', () => {
  test('are masked by the look of the text', () => {
    const redactor = new Redactor()
    expect(redactor.text('Authorization: Bearer abcdef123456')).toBe(`Authorization: Bearer ${REDACTED}`)
    expect(redactor.text('run --host-token s3cr3t-value --port 1')).toBe(`run --host-token ${REDACTED} --port 1`)
    expect(redactor.text('OPENCODE_SERVER_PASSWORD=hunter2 x')).toBe(`OPENCODE_SERVER_PASSWORD=${REDACTED} x`)
  })

  test('are masked by key, at any depth, in any spelling of the key', () => {
    const masked = new Redactor().value({ a: [{ host_token: 'x', Password: 'y', name: 'kept' }], authorization: 1 })

    expect(masked).toEqual({ a: [{ host_token: REDACTED, Password: REDACTED, name: 'kept' }], authorization: REDACTED })
  })

  test('a structure that contains itself ends', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle

    expect(JSON.stringify(new Redactor().value(cycle))).toContain('[…]')
  })
})

test('a secret shows its value only when asked', () => {
  const value = secret('hidden-value')

  expect(`${value} ${JSON.stringify({ value })} ${Bun.inspect(value)}`).not.toContain('hidden-value')
  expect(value.reveal()).toBe('hidden-value')
})
