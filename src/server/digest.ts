import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../shared/secret.ts'

export const sha256Hex = (text: string): string => Bun.SHA256.hash(text, 'hex')

/** As long as 32 hexadecimal digits: 128 bits when made as it should be. Shorter ones may be somebody's choice of words. */
const UNGUESSABLE_LENGTH = 32

/** A secret to compare others with, in a time that tells nothing of where they differ. */
export class KnownSecret {
  readonly #digest: Buffer
  /** Too long to be found by trying. */
  readonly isUnguessable: boolean

  constructor(value: Secret) {
    this.#digest = Buffer.from(sha256Hex(value.reveal()))
    this.isUnguessable = value.reveal().length >= UNGUESSABLE_LENGTH
  }

  /** `hash`: `sha256Hex` of what was presented. */
  matches(hash: string): boolean {
    return timingSafeEqual(this.#digest, Buffer.from(hash))
  }
}
