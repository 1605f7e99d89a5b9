import { crc32, deflateRawSync } from 'node:zlib'

/** One file of a zip. What is not given is as a zip program writes it; the rest is what none should write. */
export type ZipFile = {
  path: string
  content?: Uint8Array
  stored?: boolean
  /** Of Unix; 0 for an archive made elsewhere. */
  mode?: number
  flags?: number
  method?: number
  crc?: number
  /** Sizes that the directory tells. */
  bytes?: number
  packedBytes?: number
  /** Sizes stand behind the content, as when the archive was made in one go. */
  described?: boolean
  /** Sizes and place stand in zip64 fields. */
  large?: boolean
  /** Name in front of the content. */
  localPath?: string
}

/** A zip with these files; `large` with a zip64 record at its end. */
export function makeZip(files: readonly ZipFile[], { comment = '', large = false, prefix = 0 } = {}): Uint8Array {
  const parts: Buffer[] = [Buffer.alloc(prefix)]
  const directory: Buffer[] = []
  let at = prefix
  for (const file of files) {
    const made = makeFile(file, at)
    parts.push(made.local)
    directory.push(made.header)
    at += made.local.length
  }
  const entries = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(large ? 0xffff_ffff : entries.length, 12)
  end.writeUInt32LE(large ? 0xffff_ffff : at, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([
    ...parts,
    entries,
    ...(large ? [makeEnd64(at, entries.length)] : []),
    end,
    Buffer.from(comment),
  ])
}

function makeFile(file: ZipFile, at: number): { local: Buffer; header: Buffer } {
  const { path, content = new Uint8Array(), stored = false, described = false, large = false, mode = 0o100_755 } = file
  const packed = stored ? Buffer.from(content) : deflateRawSync(content)
  const sizes = {
    flags: (file.flags ?? 0) | (described ? 8 : 0),
    method: file.method ?? (stored ? 0 : 8),
    crc: file.crc ?? crc32(content),
    packedBytes: file.packedBytes ?? packed.length,
    bytes: file.bytes ?? content.length,
  }
  const name = Buffer.from(path)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  writeSizes(local.subarray(6), described ? { ...sizes, crc: 0, packedBytes: 0, bytes: 0 } : sizes)
  const localName = Buffer.from(file.localPath ?? path)
  local.writeUInt16LE(localName.length, 26)
  const descriptor = Buffer.alloc(described ? 16 : 0)
  if (described) {
    descriptor.writeUInt32LE(0x08074b50, 0)
    descriptor.writeUInt32LE(sizes.crc, 4)
    descriptor.writeUInt32LE(sizes.packedBytes, 8)
    descriptor.writeUInt32LE(sizes.bytes, 12)
  }
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x02014b50, 0)
  header.writeUInt8(mode === 0 ? 0 : 3, 5)
  writeSizes(header.subarray(8), large ? { ...sizes, packedBytes: 0xffff_ffff, bytes: 0xffff_ffff } : sizes)
  header.writeUInt16LE(name.length, 28)
  header.writeUInt16LE(mode, 40)
  header.writeUInt32LE(large ? 0xffff_ffff : at, 42)
  const extra = large ? makeLargeField(sizes.bytes, sizes.packedBytes, at) : Buffer.alloc(0)
  header.writeUInt16LE(extra.length, 30)
  return { local: Buffer.concat([local, localName, packed, descriptor]), header: Buffer.concat([header, name, extra]) }
}

type Sizes = { flags: number; method: number; crc: number; packedBytes: number; bytes: number }

/** The same in both headers, from the flags on. */
function writeSizes(header: Buffer, { flags, method, crc, packedBytes, bytes }: Sizes): void {
  header.writeUInt16LE(flags, 0)
  header.writeUInt16LE(method, 2)
  header.writeUInt32LE(crc, 8)
  header.writeUInt32LE(packedBytes, 12)
  header.writeUInt32LE(bytes, 16)
}

function makeLargeField(...numbers: number[]): Buffer {
  const other = Buffer.from([0x55, 0x54, 1, 0, 0]) // a time stamp, as most programs add one
  const field = Buffer.alloc(4 + numbers.length * 8)
  field.writeUInt16LE(1, 0)
  field.writeUInt16LE(numbers.length * 8, 2)
  for (const [index, number] of numbers.entries()) field.writeBigUInt64LE(BigInt(number), 4 + index * 8)
  return Buffer.concat([other, field])
}

function makeEnd64(directoryAt: number, directoryBytes: number): Buffer {
  const record = Buffer.alloc(56 + 20)
  record.writeUInt32LE(0x06064b50, 0)
  record.writeBigUInt64LE(44n, 4)
  record.writeBigUInt64LE(BigInt(directoryBytes), 40)
  record.writeBigUInt64LE(BigInt(directoryAt), 48)
  record.writeUInt32LE(0x07064b50, 56)
  record.writeBigUInt64LE(BigInt(directoryAt + directoryBytes), 64)
  return record
}
