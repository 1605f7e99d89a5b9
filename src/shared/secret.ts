/**
 * A value that must not be printed. It shows as `***` in templates, JSON and inspection;
 * only `reveal()` gives it out, so that every use of a secret can be found by that name.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***'
  }
}

export const secret = (value: string): Secret => new Secret(value)

/** The plain text of a value that may be a secret. */
export const reveal = (value: string | Secret): string => (typeof value === 'string' ? value : value.reveal())
