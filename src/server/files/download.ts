import type { FileHandle } from 'node:fs/promises'
import { basename } from 'node:path'
import type { FailureBody } from '../../api/failure.ts'
import { FAILURES } from '../../shared/errors.ts'
import { type ByteRange, parseByteRange } from './byte-range.ts'
import type { OpenedFile } from './read-file.ts'
import { revisionOf, wholeMs } from './revision.ts'

/** A browser would run what is in these, as a page of this server. */
const RUNS_SCRIPTS = /^(?:text\/html|application\/xhtml\+xml|image\/svg\+xml|(?:text|application)\/xml)\b/

/** Up to here the answer is made at once and says its length; Bun (1.4.5) sends streams in chunks whatever they announce. */
const SMALL_BYTES = 4 * 1024 * 1024

const CHUNK_BYTES = 256 * 1024

export type DownloadRequest = {
  method: 'GET' | 'HEAD'
  /** Aborted when the client is gone. */
  signal: AbortSignal
  header(name: string): string | null
}

/**
 * A file as an answer: whole or the range asked for, 304 when the client has it, 416 for a range behind its end. Takes
 * the file over and closes it, also when the client leaves early.
 */
export async function download(file: OpenedFile, path: string, request: DownloadRequest): Promise<Response> {
  const { handle, stat } = file
  try {
    const size = Number(stat.size)
    const headers = headersOf(file, path)
    if (isKnown(request, headers.etag)) return await ended(handle, new Response(null, { status: 304, headers }))
    const range = rangeOf(request, headers, size)
    if (range === 'unsatisfiable') return await ended(handle, unsatisfiable(size))
    const { first, last } = range ?? { first: 0, last: size - 1 }
    const length = last - first + 1
    const init = {
      status: range ? 206 : 200,
      headers: {
        ...headers,
        'content-length': String(length),
        ...(range && { 'content-range': `bytes ${first}-${last}/${size}` }),
      },
    }
    if (request.method === 'HEAD') return await ended(handle, new Response(null, init))
    if (length > SMALL_BYTES) return new Response(streamOf(handle, { first, last }, request.signal), init)
    return await ended(handle, new Response(await readRange(handle, first, length), init))
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function ended(handle: FileHandle, response: Response): Promise<Response> {
  await handle.close()
  return response
}

function headersOf({ stat }: OpenedFile, path: string) {
  const known = Bun.file(path).type
  const type = /^text\/[^;]+$/.test(known) ? `${known};charset=utf-8` : known
  const disposition = RUNS_SCRIPTS.test(type) ? 'attachment' : 'inline'
  return {
    'content-type': type,
    'content-disposition': `${disposition}; ${fileNameParameters(basename(path))}`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    etag: `"${revisionOf(stat)}"`,
    'last-modified': new Date(wholeMs(stat)).toUTCString(),
  }
}

/** Plain for old clients, and in the form of RFC 5987 when the name has more than that. */
function fileNameParameters(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  if (plain === name) return `filename="${name}"`
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, mark => `%${mark.charCodeAt(0).toString(16)}`)
  return `filename="${plain}"; filename*=UTF-8''${encoded}`
}

const isKnown = ({ header }: DownloadRequest, etag: string): boolean =>
  (header('if-none-match') ?? '')
    .split(',')
    .map(known => known.trim().replace(/^W\//, ''))
    .some(known => known === etag || known === '*')

/** A range of a version that the client has no longer is not what it needs: it gets the whole. */
function rangeOf(
  { header }: DownloadRequest,
  { etag, 'last-modified': lastModified }: { etag: string; 'last-modified': string },
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const condition = header('if-range')
  if (condition !== null && condition !== etag && condition !== lastModified) return undefined
  return parseByteRange(header('range'), size)
}

function unsatisfiable(size: number): Response {
  const code = 'range_not_satisfiable'
  const message = `The file has ${size} bytes, the range begins behind them`
  return Response.json({ code, message } satisfies FailureBody, {
    status: FAILURES[code].status,
    headers: { 'content-range': `bytes */${size}` },
  })
}

async function readRange(handle: FileHandle, first: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, first + filled)
    if (bytesRead === 0) throw cutShort()
    filled += bytesRead
  }
  return bytes
}

/** Read as the client takes it. A file that gets shorter meanwhile breaks the answer off: a whole one would be a lie. */
function streamOf(handle: FileHandle, { first, last }: ByteRange, signal: AbortSignal): ReadableStream<Uint8Array> {
  let position = first
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= handle.close())
  // Not every client that is gone cancels the stream, and nobody else closes the file.
  const onGone = (): void => void close().catch(() => {})
  if (signal.aborted) onGone()
  signal.addEventListener('abort', onGone, { once: true })
  const readNext = async (): Promise<Uint8Array> => {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, last - position + 1))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position)
    if (bytesRead === 0) throw cutShort()
    position += bytesRead
    return chunk.subarray(0, bytesRead)
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          controller.enqueue(await readNext())
          if (position <= last) return
          await close()
          controller.close()
        } catch (error) {
          onGone()
          throw error
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  )
}

const cutShort = (): Error => Object.assign(new Error('The file got shorter while it was sent'), { code: 'EIO' })
