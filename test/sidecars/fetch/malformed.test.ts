import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { good, startMirror } from '../../fixtures/mirror.ts'
import { failure } from '../kit.ts'
import { CONTENT, downloadBox } from './kit.ts'

/** Answers every request with these bytes and hangs up. */
async function startSpeaker(answer: string) {
  const server = createServer(socket => {
    socket.on('error', () => {}) // the client hung up first: its right
    socket.once('data', () => socket.end(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}

test.each([
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx'],
  ['chunks that are none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx'],
  ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'],
  ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
  ['a status that nobody knows', 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n'],
])('a server that speaks %s is given up for the next', async (_, answer) => {
  await using speaker = await startSpeaker(answer)
  await using mirror = await startMirror({ '/file': good(CONTENT) })
  await using box = await downloadBox()
  const error = await failure(box.download([speaker.url]))
  expect(error.code).toBe('sidecar_download_failed')
  expect(error.message).toStartWith(`the file could not be downloaded: ${speaker.url}: `)
  expect(await box.download([speaker.url, mirror.url('/file')])).toMatchObject({ url: mirror.url('/file') })
  expect(await box.content()).toEqual(CONTENT)
})

test('a server whose head has no end is asked once', async () => {
  let heads = 0
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => {
      heads += 1
      socket.write('HTTP/1.1 200 OK\r\n')
      const line = `x-line: ${'x'.repeat(8_000)}\r\n`
      const more = (): void => void (socket.writable && socket.write(line, more))
      more()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using box = await downloadBox()
  const error = await failure(box.download([`http://127.0.0.1:${(server.address() as AddressInfo).port}/file`]))
  server.close()
  expect(error.message).toEndWith(': the head of its answer is too large')
  expect(heads).toBe(1)
})

test('a length beside a transfer encoding means nothing', async () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'
  await using speaker = await startSpeaker(`${head}5\r\nhello\r\n0\r\n\r\n`)
  await using box = await downloadBox()
  expect(await box.download([speaker.url], { sha256: undefined, size: undefined })).toMatchObject({ bytes: 5 })
})
