import type { Writable } from 'node:stream'
import { type Account, FAILURES, type FailureDetails, messageOf, OpenworkError } from '../../shared/errors.ts'
import type { Redactor } from '../../shared/redact.ts'
import { onOneLine } from './one-line.ts'

/** What a command says: one result on stdout, everything else on stderr. */
export class Output {
  readonly #options: {
    name: string
    json: boolean
    stdout: Writable
    stderr: Writable
    redactor: Redactor
  }
  #hasResult = false
  #pending = new Set<Promise<void>>()

  constructor(options: { name: string; json: boolean; stdout: Writable; stderr: Writable; redactor: Redactor }) {
    this.#options = options
  }

  /**
   * The one document of this run: `value` as JSON with `--json`, else the text. Not masked: a command that answers
   * with credentials does so on purpose, and a `Secret` that was not revealed shows as `***` in JSON anyway.
   */
  result(value: unknown, text: string | (() => string)): void {
    if (this.#hasResult) throw new Error('A command has one result; this is its second.')
    const document = this.#options.json ? renderDocument(value) : typeof text === 'string' ? text : text()
    this.#hasResult = true
    if (document !== '') this.#write(this.#options.stdout, document)
  }

  /**
   * One of the results of a command that has them one after the other, instead of one document: a line of JSON with
   * `--json`, else a line of text, if it has any.
   */
  item(value: unknown, text: string): void {
    this.#hasResult = true // a failure is not to stand between them
    const line = this.#options.json ? JSON.stringify(value) : text
    if (line !== '') this.#write(this.#options.stdout, line)
  }

  /** A remark for the person in front of it, in both modes. Known secrets are masked. */
  note(text: string): void {
    this.#write(this.#options.stderr, this.#options.redactor.known(text))
  }

  /**
   * Shows what ended the command and returns its exit code. With `--json` the failure is the one document, unless
   * the result is out already: then stderr gets it.
   */
  failure(error: unknown): number {
    const { name, json } = this.#options
    const isJson = json && !this.#hasResult
    if (error instanceof OpenworkError) {
      if (isJson) this.#failureDocument(error)
      else this.note(renderFailure(name, error))
      return error.exitCode
    }
    if (isJson) this.#failureDocument({ message: messageOf(error), code: 'internal_error' })
    this.#write(this.#options.stderr, this.#options.redactor.text(`${name}: internal error\n${renderStack(error)}`))
    return 1
  }

  /** Resolves when everything is handed to the system; a reader that went away counts as served. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending)
  }

  #failureDocument({ message, code, hint, details }: Failed): void {
    const { redactor } = this.#options
    const failure = {
      ok: false,
      error: redactor.known(message),
      code,
      ...(hint && { hint: redactor.known(hint) }),
      ...(details && { details: redactor.value(details) }),
    }
    this.result(failure, '')
  }

  #write(stream: Writable, text: string): void {
    const line = text.endsWith('\n') ? text : `${text}\n`
    const done = new Promise<void>(resolve => stream.write(line, () => resolve()))
    this.#pending.add(done)
    done.then(() => this.#pending.delete(done))
  }
}

type Failed = { message: string; code: string; hint?: string | undefined; details?: FailureDetails | undefined }

function renderDocument(value: unknown): string {
  const document = JSON.stringify(value, null, 2)
  if (document === undefined) throw new TypeError(`A result must be JSON, not ${typeof value}.`)
  return document
}

/** What was typed wrong takes one line; where there is something to do about it, that stands on the next. */
function renderFailure(name: string, error: OpenworkError): string {
  const message = `${name}: ${error.account ? accountLines(error.account).join('\n') : onOneLine(error.message)}`
  if (error.hint === undefined) return message
  const isUsage = FAILURES[error.code].exitCode === 2
  const stop = isUsage && !/[.!?]$/.test(message) ? '.' : ''
  return `${message}${stop}${isUsage ? ' ' : '\n'}${onOneLine(error.hint)}`
}

/** The parts below their head, further in; a single one beside it. */
function accountLines({ head, parts }: Account): string[] {
  const [first] = parts
  if (parts.length === 1 && typeof first === 'string') return [onOneLine(`${head}: ${first}`)]
  const below = parts.flatMap(part => (typeof part === 'string' ? [onOneLine(part)] : accountLines(part)))
  return [onOneLine(head), ...below.map(line => `  ${line}`)]
}

/** The stack of a bug, and of what caused it. */
function renderStack(error: unknown): string {
  const parts: string[] = []
  const seen = new Set<unknown>()
  for (let cause = error; cause !== undefined && !seen.has(cause); ) {
    seen.add(cause)
    const text = cause instanceof Error ? (cause.stack ?? `${cause.name}: ${cause.message}`) : String(cause)
    parts.push(parts.length === 0 ? text : `Caused by: ${text}`)
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return parts.join('\n')
}
