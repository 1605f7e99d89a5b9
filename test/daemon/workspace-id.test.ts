import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { localWorkspaceId, parseRemoteUrl, remoteWorkspaceId } from '../../src/daemon/workspace-id.ts'
import { OpenworkError } from '../../src/shared/errors.ts'

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

test('ids are those of the published daemon', () => {
  expect(localWorkspaceId('/home/me/project')).toBe(`ws-${sha1('/home/me/project').slice(0, 12)}`)
  expect(remoteWorkspaceId('https://box', undefined)).toBe(`ws-${sha1('https://box').slice(0, 12)}`)
  expect(remoteWorkspaceId('https://box', '/srv')).toBe(`ws-${sha1('https://box::/srv').slice(0, 12)}`)
})

test('all spellings of a base URL are one', () => {
  const spellings = [
    'https://box.example',
    'https://BOX.example/',
    'HTTPS://box.example:443//',
    'https://u:p@box.example/',
  ]
  expect(new Set(spellings.map(given => parseRemoteUrl(given).baseUrl))).toEqual(new Set(['https://box.example']))
  expect(parseRemoteUrl('http://box:80/opencode/').baseUrl).toBe('http://box/opencode')
  expect(parseRemoteUrl('http://box:4096/A').baseUrl).toBe('http://box:4096/A')
})

test('credentials in a URL are taken out of it, and decoded', () => {
  const { baseUrl, credentials } = parseRemoteUrl('http://me:p%40ss%3A100%25@box:4096')
  expect(baseUrl).toBe('http://box:4096')
  expect([credentials?.username.reveal(), credentials?.password.reveal()]).toEqual(['me', 'p@ss:100%'])
  expect(parseRemoteUrl('http://box').credentials).toBeUndefined()
})

test('what is no base URL is refused, and not repeated: a password may stand in it', () => {
  for (const given of [
    'box:4096',
    'ftp://me:hidden@box',
    'http://',
    'http://box/?a=hidden',
    'http://box/#hidden',
    'hidden',
  ]) {
    const failure = caught(() => parseRemoteUrl(given))
    expect(failure.code).toBe('invalid_payload')
    expect(failure.message).not.toContain('hidden')
  }
})

function caught(work: () => unknown): OpenworkError {
  try {
    work()
  } catch (error) {
    if (error instanceof OpenworkError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
