import { MAX_FILE_BYTES } from '../../api/files.ts'
import { OpenworkError } from '../../shared/errors.ts'

/** Throws `file_too_large` (`details`: `maxBytes`, `size`). */
export function requireFileSize(size: number): void {
  if (size <= MAX_FILE_BYTES) return
  throw new OpenworkError('file_too_large', `The file has ${size} bytes, at most ${MAX_FILE_BYTES} are allowed`, {
    details: { maxBytes: MAX_FILE_BYTES, size },
  })
}

/** The bytes of a base64 text of the standard alphabet with its padding. Throws `invalid_payload`; `field` says where. */
export function decodeBase64(text: string, field: string): Uint8Array {
  try {
    // The decoder skips blanks.
    if (!/\s/.test(text)) return Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new OpenworkError('invalid_payload', `${field}: not base64`)
}
