import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import type { TransferProgress } from '../../../src/sidecars/fetch/progress.ts'
import {
  type Answer,
  endless,
  good,
  inTurn,
  redirect,
  silent,
  slow,
  stalled,
  startMirror,
  status,
  truncated,
  withoutLength,
  wrongLength,
} from '../../fixtures/mirror.ts'
import { failure, sha256, until } from '../kit.ts'
import { CONTENT, downloadBox, SHA256 } from './kit.ts'

const OTHER = CONTENT.map(byte => byte ^ 1)
const LONGER = new Uint8Array(CONTENT.length + 1)

describe('a file', () => {
  test('is fetched, and nothing else is left in its folder', async () => {
    await using mirror = await startMirror({ '/file': good(CONTENT) })
    await using box = await downloadBox()

    const fetched = await box.download([mirror.url('/file')])

    expect(fetched).toEqual({ url: mirror.url('/file'), sha256: SHA256, bytes: CONTENT.length })
    expect(await box.content()).toEqual(CONTENT)
    expect(await box.files()).toEqual(['file'])
    const [request] = mirror.requests
    expect(request?.headers).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'openwork' })
  })

  test('that is there already is not asked for', async () => {
    await using mirror = await startMirror({ '/file': good(CONTENT) })
    await using box = await downloadBox()
    await box.download([mirror.url('/file')])
    const again = await box.download([mirror.url('/file')])
    expect(again).toEqual({ url: pathToFileURL(box.path).href, sha256: SHA256, bytes: CONTENT.length })
    expect(mirror.requests).toHaveLength(1)
  })

  test('takes the place of another one', async () => {
    await using mirror = await startMirror({ '/file': good(CONTENT) })
    await using box = await downloadBox()
    await box.download([mirror.url('/file')])
    await writeFile(box.path, 'other')
    await box.download([mirror.url('/file')])
    expect(await box.content()).toEqual(CONTENT)
  })

  test('whose hash and size are not known beforehand comes with both', async () => {
    await using mirror = await startMirror({ '/file': withoutLength(CONTENT) })
    await using box = await downloadBox()
    const fetched = await box.download([mirror.url('/file')], { sha256: undefined, size: undefined })
    expect(fetched).toEqual({ url: mirror.url('/file'), sha256: SHA256, bytes: CONTENT.length })
  })

  test('can be empty', async () => {
    await using mirror = await startMirror({ '/file': good(new Uint8Array()) })
    await using box = await downloadBox()
    const fetched = await box.download([mirror.url('/file')], { sha256: sha256(''), size: 0 })
    expect(fetched.bytes).toBe(0)
    expect(await box.files()).toEqual(['file'])
  })

  test('is copied from a file URL, with the same checks', async () => {
    await using box = await downloadBox()
    const source = join(box.folder, 'a source')
    await writeFile(source, OTHER)
    const { href } = pathToFileURL(source)
    expect(await failure(box.download([href]))).toMatchObject({ code: 'sidecar_checksum_mismatch' })
    await writeFile(source, CONTENT)
    expect(await box.download([href])).toEqual({ url: href, sha256: SHA256, bytes: CONTENT.length })
    expect(await box.content()).toEqual(CONTENT)
  })

  test('is not copied from what is not a file', async () => {
    await using box = await downloadBox()
    const missing = await failure(box.download([pathToFileURL(join(box.folder, 'missing')).href]))
    expect(missing.message).toContain('it cannot be read: ENOENT')
    const folder = await failure(box.download([pathToFileURL(box.folder).href]))
    expect(folder.message).toContain('it is not a file')
    expect((await failure(box.download(['not a url']))).message).toContain('a URL that is none: it is not a URL')
  })

  test('that was compressed on its way is taken as it came, not unpacked', async () => {
    await using mirror = await startMirror({
      '/file.tar.gz': (_, reply) => {
        reply.writeHead(200, { 'content-encoding': 'gzip', 'content-length': CONTENT.length })
        reply.end(CONTENT)
      },
    })
    await using box = await downloadBox()
    expect(await box.download([mirror.url('/file.tar.gz')])).toMatchObject({ sha256: SHA256 })
  })
})

describe('what may pass is asked for again', () => {
  test.each<[string, Answer]>([
    ['500', status(500)],
    ['503 with Retry-After', status(503, { 'retry-after': '0' })],
    ['429', status(429)],
    ['408', status(408)],
    ['a cut transfer', truncated(CONTENT, 100_000)],
    ['an early end without a length', withoutLength(CONTENT.subarray(0, 100_000))],
    ['a connection that is closed at once', (_, reply) => reply.socket?.destroy()],
    ['silence', silent()],
    ['a stall', stalled(CONTENT, 100_000)],
  ])('%s', async (_, fault) => {
    await using mirror = await startMirror({ '/file': inTurn(fault, good(CONTENT)) })
    await using box = await downloadBox()
    const limits = { headersMs: 1_000, stallWindowMs: 1_000 }
    expect(await box.download([mirror.url('/file')], { limits })).toMatchObject({ sha256: SHA256 })
    expect(mirror.requests).toHaveLength(2)
    expect(await box.content()).toEqual(CONTENT)
  })

  test('as often as allowed, and the failure says so', async () => {
    await using mirror = await startMirror({ '/file': status(500) })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/file')]))
    expect(error.code).toBe('sidecar_download_failed')
    expect(error.message).toBe(`the file could not be downloaded: ${mirror.url('/file')}: HTTP 500 (3 attempts)`)
    expect(error.hint).toBe('Try --x.')
    expect(error.details).toEqual({
      urls: [{ url: mirror.url('/file'), problem: 'HTTP 500', attempts: 3, status: 500 }],
    })
    expect(mirror.requests).toHaveLength(3)
    expect(await box.files()).toEqual([])
  })

  test('unless the server wants to be left alone for longer than anyone waits', async () => {
    await using mirror = await startMirror({ '/file': status(503, { 'retry-after': '86400' }) })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/file')]))
    expect(error.message).toContain('HTTP 503, to be asked again in 86400 s')
    expect(mirror.requests).toHaveLength(1)
  })

  test('without counting attempts that brought much', async () => {
    await using box = await downloadBox()
    await using mirror = await startMirror()
    // Cut when what was sent is on disk: Bun drops what it has not yet given out.
    const arrived = () => until(async () => (await box.part()).length >= mirror.requests.length * 1_200_000)
    mirror.set('/file', truncated(CONTENT, 1_200_000, { when: arrived }))
    expect(await box.download([mirror.url('/file')], { limits: { attempts: 2 } })).toMatchObject({ sha256: SHA256 })
    expect(mirror.requests).toHaveLength(3)
  })

  test('while attempts that bring the same again are counted', async () => {
    const cut: Answer = (request, reply) => truncated(CONTENT, 1_200_000)({ ...request, range: undefined }, reply)
    await using mirror = await startMirror({ '/file': cut })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/file')]))
    expect(error.message).toMatch(/\(\d attempts\)$/)
    expect(mirror.requests.length).toBeLessThanOrEqual(5)
  })
})

describe('a slow transfer', () => {
  test('is left alone while it brings what it must', async () => {
    await using mirror = await startMirror({ '/file': slow(CONTENT, { pieceBytes: 65_536, everyMs: 25 }) })
    await using box = await downloadBox()
    const limits = { stallWindowMs: 1_000, attempts: 1 }
    expect(await box.download([mirror.url('/file')], { limits })).toMatchObject({ sha256: SHA256 })
  })

  test('that only trickles is given up and gone on with', async () => {
    const trickle = slow(CONTENT, { pieceBytes: 100, everyMs: 10 })
    await using mirror = await startMirror({ '/file': inTurn(trickle, good(CONTENT)) })
    await using box = await downloadBox()
    const limits = { stallWindowMs: 500, stallBytesPerSecond: 200_000 }
    expect(await box.download([mirror.url('/file')], { limits })).toMatchObject({ sha256: SHA256 })
    expect(mirror.requests[1]?.range).toMatch(/^bytes=\d+-$/)
  })
})

describe('what will not pass is not asked for again, but the next URL is', () => {
  test.each<[string, Answer, string]>([
    ['404', status(404), 'HTTP 404'],
    ['401', status(401), 'HTTP 401'],
    ['403', status(403), 'HTTP 403'],
    [
      'another file',
      good(OTHER),
      `it is another file: expected SHA-256 ${SHA256} (${CONTENT.length} bytes), got SHA-256`,
    ],
    ['another size', good(LONGER), `got ${LONGER.length} bytes`],
    ['more bytes than expected', withoutLength(LONGER), `got more than ${CONTENT.length} bytes`],
    ['no end', endless(), `got more than ${CONTENT.length} bytes`],
    ['an endless redirect', redirect('/bad'), 'more than 5 redirects'],
    ['a redirect to nowhere', redirect('http://['), 'it redirects to something that is not a URL'],
    [
      'a redirect to a file',
      redirect('file:///etc/passwd'),
      'redirected to file:///etc/passwd: file:// is allowed for',
    ],
    ['a redirect without a place', status(302), 'HTTP 302'],
    ['a part of the file', status(206, { 'content-range': 'bytes 0-9/10' }), 'HTTP 206'],
    ['no content', status(204), 'HTTP 204'],
  ])('%s', async (_, fault, problem) => {
    await using mirror = await startMirror({ '/bad': fault, '/good': good(CONTENT) })
    await using box = await downloadBox()

    expect(await box.download([mirror.url('/bad'), mirror.url('/good')])).toMatchObject({ url: mirror.url('/good') })

    expect(await box.content()).toEqual(CONTENT)
    const asked = mirror.requests.length
    await using other = await downloadBox()
    const error = await failure(other.download([mirror.url('/bad')]))
    expect(error.message).toContain(problem)
    expect(error.message).not.toContain('attempts')
    expect(mirror.requests.length).toBe(asked * 2 - 1) // every URL once more but the good one
    expect(await other.files()).toEqual([])
  })

  test('a length that is a lie', async () => {
    await using mirror = await startMirror({ '/bad': wrongLength(CONTENT, CONTENT.length + 5), '/good': good(CONTENT) })
    await using box = await downloadBox()
    const urls = [mirror.url('/bad'), mirror.url('/good')]
    expect(await box.download(urls, { size: undefined })).toMatchObject({ url: mirror.url('/good') })
  })

  test('a file larger than allowed, before its body is read', async () => {
    await using mirror = await startMirror({ '/large': good(CONTENT), '/endless': endless() })
    await using box = await downloadBox()
    const changes = { sha256: undefined, size: undefined, maxBytes: 1_000_000 }
    const large = await failure(box.download([mirror.url('/large')], changes))
    expect(large.message).toContain(`it has ${CONTENT.length} bytes: at most 1000000 bytes are allowed`)
    const unending = await failure(box.download([mirror.url('/endless')], changes))
    expect(unending.message).toContain('it has no end: at most 1000000 bytes are allowed')
    expect(await box.files()).toEqual([])
  })
})

describe('when no URL delivers, the failure', () => {
  test('names each with its reason', async () => {
    await using mirror = await startMirror({ '/a': status(404), '/b': status(500) })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/a'), mirror.url('/b'), 'http://127.0.0.1:1/c']))
    const reasons = [
      `${mirror.url('/a')}: HTTP 404`,
      `${mirror.url('/b')}: HTTP 500 (3 attempts)`,
      'http://127.0.0.1:1/c: connection refused (ECONNREFUSED) (3 attempts)',
    ]
    expect(error.message).toBe(`the file could not be downloaded: ${reasons.join('; ')}`)
  })

  test('says first of all that one had another file', async () => {
    await using mirror = await startMirror({ '/a': good(OTHER), '/b': status(500) })
    await using box = await downloadBox()
    const error = await failure(box.download([mirror.url('/a'), mirror.url('/b')]))
    expect(error.code).toBe('sidecar_checksum_mismatch')
    expect(error.details).toMatchObject({
      expected: `SHA-256 ${SHA256} (${CONTENT.length} bytes)`,
      actual: `SHA-256 ${sha256(OTHER)} (${CONTENT.length} bytes)`,
    })
  })

  test('comes soon when there is no network at all', async () => {
    await using box = await downloadBox()
    const attempts: number[] = []
    const onProgress = ({ attempt }: TransferProgress) => attempts.push(attempt)
    const error = await failure(box.download(['https://nowhere.invalid/file'], { onProgress, limits: { attempts: 9 } }))
    expect(error.message).toMatch(/nowhere\.invalid\/file: its name was not found \(\w+\) \(2 attempts\)$/)
    expect(error.hint).toBe('Check the network, and HTTPS_PROXY where it needs a proxy. Try --x.')
    expect(attempts).toEqual([1, 2])
  })

  test('shows neither the credentials of a URL nor its query', async () => {
    await using mirror = await startMirror()
    await using box = await downloadBox()
    const url = new URL(mirror.url('/file?signature=s3cret'))
    url.username = 'user'
    url.password = 'pa55word'
    const unreachable = url.href.replace(url.host, '127.0.0.1:1')
    const error = await failure(box.download([url.href, unreachable, unreachable.replace('http:', 'https:')]))
    expect(error.message).toContain(`${mirror.url('/file')}?…: HTTP 404`)
    expect(`${inspect(error, { depth: null })}${error.stack}`).not.toMatch(/s3cret|pa55word/)
  })
})

describe('an interrupted download', () => {
  test('stops at once, keeps what it has, and goes on the next time', async () => {
    await using mirror = await startMirror({ '/file': inTurn(stalled(CONTENT, 1_000_000), good(CONTENT)) })
    await using box = await downloadBox()
    const interrupted = new AbortController()
    const reason = new Error('stop')
    const onProgress = ({ bytes }: TransferProgress) => bytes > 0 && interrupted.abort(reason)

    await expect(box.download([mirror.url('/file')], { signal: interrupted.signal, onProgress })).rejects.toBe(reason)

    const kept = await box.part()
    expect(kept).toEqual(CONTENT.subarray(0, kept.length))
    await box.download([mirror.url('/file')])
    expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, `bytes=${kept.length}-`])
    expect(await box.files()).toEqual(['file'])
  })

  test('while it waits to ask again leaves nothing', async () => {
    await using mirror = await startMirror({ '/file': status(503, { 'retry-after': '30' }) })
    await using box = await downloadBox()
    const interrupted = new AbortController()
    const outcome = box.download([mirror.url('/file')], { signal: interrupted.signal })
    await mirror.asked(1)
    interrupted.abort(new Error('stop'))
    await expect(outcome).rejects.toThrow('stop')
    expect(await box.files()).toEqual([])
  })
})

test('progress tells bytes, size, speed, attempt and server', async () => {
  await using mirror = await startMirror({ '/file': inTurn(status(500), good(CONTENT)) })
  await using box = await downloadBox()
  const told: TransferProgress[] = []
  await box.download([mirror.url('/file').replace('//', '//user:pa55word@')], { onProgress: state => told.push(state) })
  const { host } = new URL(mirror.origin)
  expect(told[0]).toEqual({ bytes: 0, totalBytes: CONTENT.length, bytesPerSecond: 0, attempt: 1, host })
  expect(told.at(-1)).toMatchObject({ bytes: CONTENT.length, totalBytes: CONTENT.length, attempt: 2, host })
  expect(told.at(-1)?.bytesPerSecond).toBeGreaterThan(0)
  expect(mirror.requests[1]?.headers.authorization).toBe(`Basic ${btoa('user:pa55word')}`)
})
