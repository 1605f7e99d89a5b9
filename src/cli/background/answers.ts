import { z } from 'zod'
import { FAILURES, type FailureCode, OpenworkError } from '../../shared/errors.ts'
import type { Redactor } from '../../shared/redact.ts'
import type { Progress } from '../../sidecars/download/progress.ts'

/** What a command with `--json` prints when it fails. */
const failureDocument = z.object({
  ok: z.literal(false),
  code: z.string(),
  error: z.string(),
  hint: z.string().optional(),
  details: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).optional(),
})
export type FailureDocument = z.infer<typeof failureDocument>

export const failureDocumentOf = ({ message, code, hint, details }: OpenworkError, redactor: Redactor) => ({
  ok: false,
  error: redactor.known(message),
  code,
  ...(hint !== undefined && { hint: redactor.known(hint) }),
  ...(details && { details: redactor.value(details) }),
})

/** How a program in the background ended. */
export type BackgroundEnd = {
  /** `code 1`, `SIGKILL`. */
  how: string
  /** Null when a signal ended it. */
  code: number | null
  /** As it said itself, if it came to that. */
  failure: FailureDocument | undefined
}

/** What it said, as if it had happened here; undefined when it said nothing that is known. */
export function failureOf(
  { failure, code }: BackgroundEnd,
  { prefix = '', logFile }: { prefix?: string; logFile: string },
): OpenworkError | undefined {
  if (!failure || !isFailureCode(failure.code)) return undefined
  return new OpenworkError(failure.code, `${prefix}${failure.error}`, {
    ...(failure.hint !== undefined && { hint: failure.hint }),
    ...(code !== null && { exitCode: code }),
    details: Array.isArray(failure.details) ? failure.details : { ...failure.details, logFile },
  })
}

const isFailureCode = (code: string): code is FailureCode => Object.hasOwn(FAILURES, code)

/** The documents of an answer: a single one, or one on each line. What is half written is left out. */
export function parseAnswers(text: string): unknown[] {
  const single = parseJson(text)
  if (single !== undefined) return [single]
  return text.split('\n').flatMap(line => parseJson(line) ?? [])
}

export const findFailure = (answers: readonly unknown[]): FailureDocument | undefined =>
  answers.map(answer => failureDocument.safeParse(answer).data).findLast(found => found !== undefined)

/** How far a download is, in a document of its own; null when it has ended. */
export type ProgressAnswer = { progress: Progress | null }

const progressAnswer: z.ZodType<ProgressAnswer> = z.object({
  progress: z
    .object({
      stage: z.enum(['waiting', 'locating', 'downloading', 'unpacking', 'checking']),
      what: z.string(),
      elapsedMs: z.number(),
      bytes: z.number().optional(),
      totalBytes: z.number().optional(),
      bytesPerSecond: z.number().optional(),
      from: z.string().optional(),
    })
    .nullable(),
})

export const parseProgress = (line: string): ProgressAnswer | undefined =>
  progressAnswer.safeParse(parseJson(line)).data

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
