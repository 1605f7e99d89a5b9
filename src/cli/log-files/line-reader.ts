import type { FileHandle } from 'node:fs/promises'

const CHUNK_BYTES = 256 * 1024
/** What has no end of line for so long is no line of a log; it is given out in parts. */
const MAX_LINE_LENGTH = 4 * 1024 * 1024

/** Lines of a file that may grow, read piece by piece. The caller closes the file. */
export class LineReader {
  readonly #file: FileHandle
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  #decoder = new TextDecoder()
  #position = 0
  #rest = ''

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** The whole lines from where it stands to the present end, many at a time; call it again for what came since. */
  async *lines(): AsyncGenerator<string[]> {
    await this.#followTruncation()
    for (;;) {
      const { bytesRead } = await this.#file.read(this.#chunk, 0, CHUNK_BYTES, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      const text = this.#rest + this.#decoder.decode(this.#chunk.subarray(0, bytesRead), { stream: true })
      const lines = text.split('\n')
      this.#rest = lines.pop() ?? ''
      if (this.#rest.length > MAX_LINE_LENGTH) lines.push(this.takeRest() ?? '')
      if (lines.length > 0) yield lines
    }
  }

  /** What stands behind the last end of line, where there is something: of a file that nobody writes any more. */
  takeRest(): string | undefined {
    const rest = this.#rest
    this.#rest = ''
    return rest === '' ? undefined : rest
  }

  /** Half a line that was taken back because the disk was full, or a file that somebody has emptied. */
  async #followTruncation(): Promise<void> {
    const { size } = await this.#file.stat()
    if (size >= this.#position) return
    this.#position = size
    this.#rest = ''
    this.#decoder = new TextDecoder()
  }
}
