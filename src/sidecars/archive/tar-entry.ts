import { invalidArchive as invalid, isWanted, refuseUnsafePath, shownEntry, type WantedEntry } from './entry.ts'

const BLOCK = 512
/** Extended headers hold a path and a few numbers; a larger one is an attack on our memory. */
const MAX_EXTENDED_HEADER = 64 * 1024
/** Room for headers, padding and the small files beside the wanted one. */
const MAX_OTHER_BYTES = 16 * 1024 * 1024

type Header = { name: string; size: number; type: string }

/**
 * Streams one plain file out of a tar archive: calls `write` with its bytes in order and resolves to its size.
 * Memory stays at one chunk. The whole archive is read, and refused if any entry has an absolute path, a `..` part,
 * or is a link or device, although nothing but the wanted file is ever handed out.
 *
 * @param maxBytes of the wanted file; all the rest of the archive may have 16 MiB more
 * @throws OpenworkError `sidecar_archive_invalid`, or whatever `archive` or `write` throws
 */
export async function extractTarEntry(
  archive: AsyncIterable<Uint8Array>,
  { entry, maxBytes, write }: { entry: WantedEntry; maxBytes: number; write: (bytes: Uint8Array) => unknown },
): Promise<number> {
  const reader = new ByteReader(archive, maxBytes + MAX_OTHER_BYTES)
  let found: number | undefined
  for await (const header of headers(reader)) {
    refuseUnsafe(header)
    const wanted = isPlainFile(header) && isWanted(header.name, entry, found !== undefined)
    if (wanted) {
      if (header.size > maxBytes)
        throw invalid(`${shownEntry(entry)} has ${header.size} bytes, at most ${maxBytes} are allowed`)
      found = header.size
    }
    for await (const bytes of reader.take(header.size)) if (wanted) await write(bytes)
    await reader.skip(padding(header.size))
  }
  await reader.drain()
  if (found === undefined) throw invalid(`does not hold ${shownEntry(entry)}`)
  return found
}

export type TarFile = {
  /** With `/`; neither absolute nor with a `..` part. */
  readonly path: string
  readonly size: number
  /** To be read to its end before the next file is asked for, or not at all. */
  readonly bytes: AsyncIterable<Uint8Array>
}

/**
 * The plain files of a tar archive, one after the other, under the same rules as `extractTarEntry`.
 *
 * @param maxBytes of the whole archive
 */
export async function* readTarFiles(archive: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<TarFile> {
  const reader = new ByteReader(archive, maxBytes)
  for await (const header of headers(reader)) {
    refuseUnsafe(header)
    const bytes = reader.take(header.size)
    if (isPlainFile(header)) yield { path: header.name, size: header.size, bytes }
    for await (const _ of bytes); // what was not wanted
    await reader.skip(padding(header.size))
  }
  await reader.drain()
}

/** The entries' headers, with pax and GNU extensions applied; the caller consumes each entry's bytes. */
async function* headers(reader: ByteReader): AsyncGenerator<Header> {
  let longer: { path?: string; size?: number } = {}
  for (;;) {
    const block = await reader.exactly(BLOCK)
    if (block === undefined || block.every(byte => byte === 0)) return
    const header = parseHeader(block)
    if (header.type === 'x' || header.type === 'g' || header.type === 'L') {
      if (header.size > MAX_EXTENDED_HEADER) throw invalid(`has an extended header of ${header.size} bytes`)
      const body = await reader.exactly(header.size + padding(header.size))
      if (body === undefined) throw invalid('ends in the middle of a header')
      const content = body.subarray(0, header.size)
      if (header.type === 'x') longer = { ...longer, ...parsePax(content) }
      else if (header.type === 'L') longer = { ...longer, path: text(content) }
      continue // a global header ('g') carries comments and the like: nothing that moves a file
    }
    yield { type: header.type, name: longer.path ?? header.name, size: longer.size ?? header.size }
    longer = {}
  }
}

function parseHeader(block: Uint8Array): Header {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  if (sum !== parseOctal(block.subarray(148, 156))) throw invalid('has a damaged header')
  const isUstar = text(block.subarray(257, 262)) === 'ustar'
  const prefix = isUstar ? text(block.subarray(345, 500)) : ''
  const name = text(block.subarray(0, 100))
  return {
    name: prefix ? `${prefix}/${name}` : name,
    size: parseOctal(block.subarray(124, 136)),
    type: text(block.subarray(156, 157)) || '0',
  }
}

/** Numbers are octal text. The binary form some tars use past 8 GiB is refused: nothing here is that large. */
function parseOctal(field: Uint8Array): number {
  const digits = text(field).trim()
  if (!/^[0-7]+$/.test(digits)) throw invalid('has a damaged header')
  return Number.parseInt(digits, 8)
}

/** Pax records are `<length> <key>=<value>\n`, the length counting the whole record in bytes. */
function parsePax(content: Uint8Array): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {}
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at)
    const length = Number(text(content.subarray(at, Math.max(space, at))))
    if (!Number.isSafeInteger(length) || length <= space - at || at + length > content.length)
      throw invalid('has a damaged extended header')
    const record = new TextDecoder().decode(content.subarray(space + 1, at + length - 1))
    const [key, value] = [record.slice(0, record.indexOf('=')), record.slice(record.indexOf('=') + 1)]
    if (key === 'path') found.path = value
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw invalid('has a damaged extended header')
      found.size = Number(value)
    }
    at += length
  }
  return found
}

const isPlainFile = ({ type }: Header): boolean => type === '0' || type === '7'

function refuseUnsafe(header: Header): void {
  const shown = JSON.stringify(header.name)
  if (!isPlainFile(header) && header.type !== '5')
    throw invalid(`holds ${shown}, which is neither a file nor a folder (type ${JSON.stringify(header.type)})`)
  refuseUnsafePath(header.name)
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** Up to the first NUL. */
function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** Reads an async stream of chunks in pieces of any length. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #maxBytes: number
  #readBytes = 0
  #rest: Uint8Array = new Uint8Array()

  /** @param maxBytes of the whole stream: a few compressed kilobytes can unpack to any length */
  constructor(chunks: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#maxBytes = maxBytes
  }

  /** The next `count` bytes; undefined when the stream has ended already. For small counts: they are put together. */
  async exactly(count: number): Promise<Uint8Array | undefined> {
    const whole = new Uint8Array(count)
    let filled = 0
    while (filled < count) {
      const piece = await this.#next(count - filled)
      if (piece === undefined && filled === 0) return undefined
      if (piece === undefined) throw invalid('is cut short')
      whole.set(piece, filled)
      filled += piece.length
    }
    return whole
  }

  /** The next `count` bytes as they come. */
  async *take(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0; ) {
      const piece = await this.#next(left)
      if (piece === undefined) throw invalid('is cut short')
      left -= piece.length
      yield piece
    }
  }

  async skip(count: number): Promise<void> {
    for await (const _ of this.take(count));
  }

  /** Reads to the end, so that a damaged tail (a gzip checksum) is noticed. */
  async drain(): Promise<void> {
    while ((await this.#next(Number.POSITIVE_INFINITY)) !== undefined);
  }

  async #next(max: number): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next()
      if (done) return undefined
      this.#readBytes += value.length
      if (this.#readBytes > this.#maxBytes) throw invalid(`unpacks to more than ${this.#maxBytes} bytes`)
      this.#rest = value
    }
    const piece = this.#rest.subarray(0, max)
    this.#rest = this.#rest.subarray(piece.length)
    return piece
  }
}
