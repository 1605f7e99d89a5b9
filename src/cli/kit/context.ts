import type { Redactor } from '../../shared/redact.ts'
import type { Io } from './io.ts'
import type { Output } from './output.ts'

/** Where a value came from; undefined where there is no value. */
export type Source = 'flag' | 'env' | 'file' | 'default' | undefined

/** What a command's `run` gets besides its values. */
export type Context<Key extends string = string> = Io & {
  readonly output: Output
  /** `--json` was given: stdout is for one JSON document. */
  readonly json: boolean
  /** Colour is welcome on stdout. */
  readonly color: boolean
  /** Knows the values of all secret flags of this command already. */
  readonly redactor: Redactor
  /** Values of the program's own global flags. */
  readonly globals: Readonly<Record<string, unknown>>
  source(key: Key): Source
  /** How to name a flag's value to the person who gave it: `--openwork-port`, or `OPENWORK_PORT` or a key of a file. */
  label(key: Key): string
}
