import { REDACTED } from '../../shared/redact.ts'
import { formsOf, type KnownSecrets } from './known-secrets.ts'
import { SECRET_SHAPES } from './secret-words.ts'

const HEAD_LENGTH = 4

/**
 * Masks secrets in texts of any size: in one pass, whatever their number. Every form of a secret is found by its first four
 * characters, which most places of a text have in common with none.
 */
export class Scrubber {
  readonly #byHead = new Map<number, string[]>()

  constructor(secrets: KnownSecrets) {
    const forms = new Set(secrets.values.flatMap(formsOf))
    for (const form of [...forms].sort((a, b) => b.length - a.length)) {
      const head = headAt(form, 0)
      this.#byHead.set(head, [...(this.#byHead.get(head) ?? []), form])
    }
  }

  /** Known secrets, in any form, and what looks like one. */
  scrub(text: string): string {
    let masked = this.#known(text)
    for (const shape of SECRET_SHAPES) masked = masked.replace(shape, `$1${REDACTED}`)
    return masked
  }

  /** Whether a known secret is in there, in any form. */
  isIn(text: string): boolean {
    return this.#find(text, 0) !== undefined
  }

  #known(text: string): string {
    const parts: string[] = []
    let from = 0
    for (let found = this.#find(text, 0); found !== undefined; found = this.#find(text, from)) {
      parts.push(text.slice(from, found.at), REDACTED)
      from = found.at + found.length
    }
    return parts.length === 0 ? text : [...parts, text.slice(from)].join('')
  }

  /** The longest one at the first place that has any. */
  #find(text: string, from: number): { at: number; length: number } | undefined {
    const byHead = this.#byHead
    for (let at = from; at <= text.length - HEAD_LENGTH; at += 1) {
      const form = byHead.get(headAt(text, at))?.find(form => text.startsWith(form, at))
      if (form !== undefined) return { at, length: form.length }
    }
    return undefined
  }
}

/** Four characters in one number; different ones may share it, so that whoever asks compares. */
const headAt = (text: string, at: number): number =>
  (text.charCodeAt(at) << 21) ^
  (text.charCodeAt(at + 1) << 14) ^
  (text.charCodeAt(at + 2) << 7) ^
  text.charCodeAt(at + 3)
