import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { OpenworkError, systemCode } from '../../shared/errors.ts'
import { extractTarEntry, type WantedEntry } from './tar-entry.ts'

export type Extraction = {
  archive: 'tar.gz' | 'tgz' | 'zip'
  /** An exact path with `/`, or the file of this name wherever it lies. */
  entry: WantedEntry
  /** Of the unpacked file. */
  maxBytes: number
  /** Gets the file's bytes in order; awaited. */
  write: (bytes: Uint8Array) => unknown
  signal?: AbortSignal | undefined
}

/**
 * Streams one plain file out of an archive on disk and resolves to its size. Memory stays at a few chunks.
 *
 * The whole archive is read, and refused if any entry has an absolute path, a `..` part, or is a link or device, although
 * nothing but the wanted file is ever handed out.
 *
 * @throws OpenworkError `sidecar_archive_invalid`; whatever `write` throws; the reason of an aborted `signal`
 */
export async function extractArchiveEntry(path: string, { archive, signal, ...wanted }: Extraction): Promise<number> {
  if (archive === 'zip') throw new OpenworkError('sidecar_archive_invalid', 'Zip archives cannot be read yet')
  let size = 0
  const extract = async (unpacked: AsyncIterable<Uint8Array>): Promise<void> => {
    size = await extractTarEntry(unpacked, wanted)
  }
  try {
    const gunzip = createGunzip({ chunkSize: 256 * 1024 })
    await pipeline(createReadStream(path), gunzip, extract, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    if (!systemCode(error)?.startsWith('Z_')) throw error
    throw new OpenworkError('sidecar_archive_invalid', `The archive is damaged: ${(error as Error).message}`, {
      hint: 'It was not unpacked. Check the registry or mirror it came from.',
      cause: error,
    })
  }
  return size
}
