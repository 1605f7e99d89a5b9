import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { invalidArchive, isWanted, refuseUnsafePath, shownEntry, type WantedEntry } from './entry.ts'

/** A record at the end, and the longest comment that may follow it. */
const END_BYTES = 22
const MAX_COMMENT_BYTES = 65_535
const LOCATOR_BYTES = 20
const END64_BYTES = 56
const HEADER_BYTES = 46
const LOCAL_HEADER_BYTES = 30
/** More than 100,000 files: a larger directory is an attack on our memory. */
const MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024
/** In place of a number that stands in a zip64 field. */
const ELSEWHERE = 0xffff_ffff
const ENCRYPTED = 0b0010_0000_0100_0001
const UTF8 = 1 << 11

type Entry = {
  path: string
  /** As bytes, for the comparison with the other place where it stands. */
  name: Uint8Array
  method: number
  crc: number
  packedBytes: number
  bytes: number
  headerAt: number
}

/**
 * Streams one plain file out of a zip archive: calls `write` with its bytes in order and resolves to its size. The
 * directory at the end decides, as with every unpacker: sizes stand there also when the archive was made in one go. It is
 * refused as a whole if any entry has an absolute path, a `..` part, is a link or device, or encrypted.
 *
 * @throws OpenworkError `sidecar_archive_invalid`, also when size or checksum come out wrong; whatever `write` throws
 */
export async function extractZipEntry(
  archive: FileHandle,
  {
    entry,
    maxBytes,
    write,
    signal,
  }: { entry: WantedEntry; maxBytes: number; write: (bytes: Uint8Array) => unknown; signal: AbortSignal | undefined },
): Promise<number> {
  const directory = await findDirectory(archive)
  let found: Entry | undefined
  for (const each of readDirectory(await read(archive, directory.at, directory.bytes)))
    if (isWanted(each.path, entry, found !== undefined)) found = each
  if (found === undefined) throw invalidArchive(`does not hold ${shownEntry(entry)}`)
  if (found.bytes > maxBytes)
    throw invalidArchive(`${shownEntry(entry)} has ${found.bytes} bytes, at most ${maxBytes} are allowed`)
  const start = await findContent(archive, found)
  if (start + found.packedBytes > directory.at) throw invalidArchive('is cut short')
  let bytes = 0
  let crc = 0
  for await (const chunk of unpacked(archive, start, found)) {
    signal?.throwIfAborted()
    bytes += chunk.length
    if (bytes > found.bytes) throw invalidArchive(`unpacks to more than the ${found.bytes} bytes it says it has`)
    crc = crc32(chunk, crc)
    await write(chunk)
  }
  if (bytes !== found.bytes) throw invalidArchive(`unpacks to ${bytes} bytes where it says ${found.bytes}`)
  if (crc !== found.crc) throw invalidArchive('is damaged: its checksum is not that of its content')
  return bytes
}

/** Where the directory is: the record at the very end says so, or the zip64 one before it. */
async function findDirectory(archive: FileHandle): Promise<{ at: number; bytes: number }> {
  const { size } = await archive.stat()
  const tailAt = Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES - LOCATOR_BYTES)
  const tail = await read(archive, tailAt, size - tailAt)
  const end = findEnd(tail)
  if (end === undefined) throw invalidArchive('is not a zip, or is cut short')
  const locator = end - LOCATOR_BYTES
  const isLarge = locator >= 0 && tail.getUint32(locator, true) === 0x07064b50
  const directory = isLarge
    ? await readEnd64(archive, number64(tail, locator + 8))
    : { at: tail.getUint32(end + 16, true), bytes: tail.getUint32(end + 12, true) }
  if (directory.bytes > MAX_DIRECTORY_BYTES) throw invalidArchive(`has a directory of ${directory.bytes} bytes`)
  if (directory.at + directory.bytes > tailAt + end) throw invalidArchive('has a directory outside of it')
  return directory
}

/** The last record whose comment ends with the file. */
function findEnd(tail: DataView): number | undefined {
  for (let at = tail.byteLength - END_BYTES; at >= 0; at -= 1)
    if (tail.getUint32(at, true) === 0x06054b50 && at + END_BYTES + tail.getUint16(at + 20, true) === tail.byteLength)
      return at
  return undefined
}

async function readEnd64(archive: FileHandle, at: number): Promise<{ at: number; bytes: number }> {
  const record = await read(archive, at, END64_BYTES)
  if (record.getUint32(0, true) !== 0x06064b50) throw invalidArchive('has a damaged zip64 record')
  return { at: number64(record, 48), bytes: number64(record, 40) }
}

function* readDirectory(directory: DataView): Generator<Entry> {
  for (let at = 0; at < directory.byteLength; ) {
    if (at + HEADER_BYTES > directory.byteLength || directory.getUint32(at, true) !== 0x02014b50)
      throw invalidArchive('has a damaged directory')
    const nameBytes = directory.getUint16(at + 28, true)
    const extraBytes = directory.getUint16(at + 30, true)
    const next = at + HEADER_BYTES + nameBytes + extraBytes + directory.getUint16(at + 32, true)
    if (next > directory.byteLength) throw invalidArchive('has a damaged directory')
    const flags = directory.getUint16(at + 8, true)
    const name = bytesOf(directory, at + HEADER_BYTES, nameBytes)
    const path = new TextDecoder(flags & UTF8 ? 'utf-8' : 'latin1').decode(name)
    refuseUnsafePath(path)
    if (flags & ENCRYPTED) throw invalidArchive(`holds ${JSON.stringify(path)} encrypted`)
    const isUnix = directory.getUint8(at + 5) === 3
    if (isUnix) refuseSpecial(path, directory.getUint16(at + 40, true))
    const large = largeNumbers(directory, at + HEADER_BYTES + nameBytes, extraBytes)
    const number = (field: number): number => {
      const value = directory.getUint32(at + field, true)
      return value === ELSEWHERE ? large() : value
    }
    yield {
      path,
      name,
      method: directory.getUint16(at + 10, true),
      crc: directory.getUint32(at + 16, true),
      // In this order: the zip64 field holds only those that are needed, the unpacked size first.
      bytes: number(24),
      packedBytes: number(20),
      headerAt: number(42),
    }
    at = next
  }
}

/** Folders and plain files pass; an archive from elsewhere than Unix has no type. */
function refuseSpecial(path: string, mode: number): void {
  const type = mode & 0o170_000
  if (type === 0o100_000 || type === 0o040_000 || type === 0) return
  throw invalidArchive(`holds ${JSON.stringify(path)}, which is neither a file nor a folder (mode ${mode.toString(8)})`)
}

/** The numbers of an entry's zip64 field, one after the other. */
function largeNumbers(directory: DataView, at: number, length: number): () => number {
  let from = 0
  let end = 0
  for (let field = at; field + 4 <= at + length && end === 0; field += 4 + directory.getUint16(field + 2, true))
    if (directory.getUint16(field, true) === 0x0001) {
      from = field + 4
      end = Math.min(from + directory.getUint16(field + 2, true), at + length)
    }
  return () => {
    if (from + 8 > end) throw invalidArchive('has a damaged directory')
    from += 8
    return number64(directory, from - 8)
  }
}

/** Where an entry's bytes begin: after its other header, which must be of the same file. */
async function findContent(archive: FileHandle, { headerAt, name }: Entry): Promise<number> {
  const header = await read(archive, headerAt, LOCAL_HEADER_BYTES + name.length)
  const nameBytes = header.getUint16(26, true)
  const sameName =
    nameBytes === name.length && Buffer.compare(bytesOf(header, LOCAL_HEADER_BYTES, nameBytes), name) === 0
  if (header.getUint32(0, true) !== 0x04034b50 || !sameName)
    throw invalidArchive('has a directory that names other files')
  return headerAt + LOCAL_HEADER_BYTES + nameBytes + header.getUint16(28, true)
}

function unpacked(archive: FileHandle, start: number, { method, packedBytes }: Entry): AsyncIterable<Uint8Array> {
  const packed = readChunks(archive, start, packedBytes)
  if (method === 0) return packed
  if (method === 8) return inflated(packed)
  throw invalidArchive(`is packed by method ${method}, which is not deflate`)
}

async function* inflated(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES })
  const feed = pipeline(packed, inflate)
  try {
    yield* inflate
  } finally {
    inflate.destroy()
    await feed.catch(() => {}) // told by the stream itself
  }
}

async function* readChunks(archive: FileHandle, start: number, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const view = await read(archive, start + at, Math.min(CHUNK_BYTES, length - at))
    yield bytesOf(view, 0, view.byteLength)
  }
}

async function read(archive: FileHandle, at: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length)
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await archive.read(bytes, filled, length - filled, at + filled)
    if (bytesRead === 0) throw invalidArchive('is cut short')
    filled += bytesRead
  }
  return new DataView(bytes.buffer)
}

const bytesOf = (view: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset + at, length)

function number64(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true))
  if (!Number.isSafeInteger(value)) throw invalidArchive('has a damaged directory')
  return value
}
