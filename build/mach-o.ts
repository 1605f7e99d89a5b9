import { open } from 'node:fs/promises'

const MAGIC_64 = 0xfeedfacf
const CPU_X64 = 0x01000007
const HEADER_BYTES = 32
const LC_SEGMENT_64 = 0x19
const LC_CODE_SIGNATURE = 0x1d

type Command = { kind: number; at: number; size: number }

/**
 * Takes the code signature out of a macOS executable for x64, and leaves any other file as it is. Bun signs what it
 * compiles for arm64 anew, ad hoc; for x64 it leaves the signature of its own runtime in the changed file, and a wrong
 * signature with the hardened runtime ends a program, where none lets it run.
 */
export async function dropStaleSignature(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { buffer: head } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0)
    if (head.readUInt32LE(0) !== MAGIC_64 || head.readUInt32LE(4) !== CPU_X64) return
    const bytes = HEADER_BYTES + head.readUInt32LE(20)
    const { buffer: image } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
    const commands = loadCommands(image)
    const signature = commands.find(({ kind }) => kind === LC_CODE_SIGNATURE)
    if (!signature) return
    const start = image.readUInt32LE(signature.at + 8)
    const { size } = await file.stat()
    const linkEdit = commands.find(command => segmentName(image, command) === '__LINKEDIT')
    if (start + image.readUInt32LE(signature.at + 12) !== size || !linkEdit)
      throw new Error(`${path} does not end with its code signature`)

    // __LINKEDIT ends where the signature began, and the commands behind that of the signature move up.
    const linkEditStart = Number(image.readBigUInt64LE(linkEdit.at + 40))
    image.writeBigUInt64LE(BigInt(start - linkEditStart), linkEdit.at + 48)
    image.copy(image, signature.at, signature.at + signature.size)
    image.fill(0, bytes - signature.size)
    image.writeUInt32LE(commands.length - 1, 16)
    image.writeUInt32LE(bytes - HEADER_BYTES - signature.size, 20)
    await file.write(image, 0, bytes, 0)
    await file.truncate(start)
  } finally {
    await file.close()
  }
}

function loadCommands(image: Buffer): Command[] {
  const commands: Command[] = []
  let at = HEADER_BYTES
  for (let left = image.readUInt32LE(16); left > 0; left -= 1) {
    const size = image.readUInt32LE(at + 4)
    commands.push({ kind: image.readUInt32LE(at), at, size })
    at += size
  }
  return commands
}

const segmentName = (image: Buffer, { kind, at }: Command): string | undefined =>
  kind === LC_SEGMENT_64 ? image.toString('latin1', at + 8, at + 24).replace(/\0+$/, '') : undefined
