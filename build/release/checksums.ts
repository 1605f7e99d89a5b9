import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/** A file of a release: what people compare after a download. */
export type ReleaseFile = {
  readonly name: string
  readonly sha256: string
  /** Bytes. */
  readonly size: number
}

/** Name of the list of all hashes, in the format of `sha256sum`. */
export const CHECKSUMS_FILE = 'SHA256SUMS'

export async function hashFile(path: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk)
    size += chunk.length
  }
  return { sha256: hash.digest('hex'), size }
}

/** For `sha256sum --check SHA256SUMS`; two spaces, so that text and binary are one. */
export const renderChecksums = (files: readonly ReleaseFile[]): string =>
  files
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    .join('')

/** By file name. Throws for a line that is none of `sha256sum`'s. */
export function parseChecksums(text: string): Map<string, string> {
  const lines = text.split('\n').filter(line => line !== '')
  return new Map(
    lines.map(line => {
      const [, sha256, name] = /^([0-9a-f]{64}) [ *]([\w.+-]+)$/.exec(line) ?? []
      if (!sha256 || !name) throw new Error(`${CHECKSUMS_FILE} has the line ${JSON.stringify(line)}`)
      return [name, sha256]
    }),
  )
}
