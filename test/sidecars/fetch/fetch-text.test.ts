import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fetchText } from '../../../src/sidecars/fetch/fetch-text.ts'
import {
  type Answer,
  endless,
  good,
  inTurn,
  redirect,
  silent,
  stalled,
  startMirror,
  status,
  truncated,
} from '../../fixtures/mirror.ts'
import { failure } from '../kit.ts'
import { downloadBox, QUICK } from './kit.ts'

const TEXT = '{"straße": "✓"}\n'.repeat(1_000)
const BYTES = new TextEncoder().encode(TEXT)

const read = (url: string, changes: Partial<Parameters<typeof fetchText>[1]> = {}): Promise<string> =>
  fetchText(url, {
    what: 'the list',
    maxBytes: 100_000,
    hint: 'Try --x.',
    env: {},
    ...changes,
    limits: { ...QUICK, ...changes.limits },
  })

describe('a document', () => {
  test('is read from a server, past redirects', async () => {
    await using mirror = await startMirror({ '/a': redirect('/list'), '/list': good(BYTES) })
    expect(await read(mirror.url('/a'))).toBe(TEXT)
  })

  test('is read from a file', async () => {
    await using box = await downloadBox()
    await writeFile(join(box.folder, 'list'), TEXT)
    expect(await read(pathToFileURL(join(box.folder, 'list')).href)).toBe(TEXT)
  })

  test.each<[string, Answer]>([
    ['500', status(500)],
    ['a cut', truncated(BYTES, 5_000)],
    ['a stall', stalled(BYTES, 5_000)],
    ['silence', silent()],
  ])('is asked for again after %s', async (_, fault) => {
    await using mirror = await startMirror({ '/list': inTurn(fault, good(BYTES)) })
    expect(await read(mirror.url('/list'), { limits: { headersMs: 1_000, stallWindowMs: 1_000 } })).toBe(TEXT)
    expect(mirror.requests).toHaveLength(2)
  })

  test.each<[string, Answer, string]>([
    ['is not there', status(404), 'HTTP 404'],
    ['is too large', good(new Uint8Array(100_001)), 'it is larger than the 100000 bytes allowed'],
    ['has no end', endless(), 'it is larger than the 100000 bytes allowed'],
    ['is no text', good(new Uint8Array([0xff, 0xfe, 0x41])), 'it is not UTF-8 text'],
  ])('that %s is not asked for again', async (_, answer, problem) => {
    await using mirror = await startMirror({ '/list': answer })
    const error = await failure(read(mirror.url('/list')))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toBe(`the list could not be downloaded: ${mirror.url('/list')}: ${problem}`)
    expect(error.hint).toBe('Try --x.')
    expect(mirror.requests).toHaveLength(1)
  })

  test('is not waited for any longer after an interruption', async () => {
    await using mirror = await startMirror({ '/list': silent() })
    const interrupted = new AbortController()
    const outcome = read(mirror.url('/list'), { signal: interrupted.signal })
    await mirror.asked(1)
    const reason = new Error('stop')
    interrupted.abort(reason)
    await expect(outcome).rejects.toBe(reason)
  })
})
