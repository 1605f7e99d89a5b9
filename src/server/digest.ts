import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../shared/secret.ts'

export const sha256Hex = (text: string): string => Bun.SHA256.hash(text, 'hex')

/** A secret to compare others with, in a time that tells nothing of where they differ. */
export class KnownSecret {
  readonly #digest: Buffer

  constructor(value: Secret) {
    this.#digest = Buffer.from(sha256Hex(value.reveal()))
  }

  /** `hash`: `sha256Hex` of what was presented. */
  matches(hash: string): boolean {
    return timingSafeEqual(this.#digest, Buffer.from(hash))
  }
}
