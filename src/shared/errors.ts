/**
 * Every failure a user can act on. A code is API: its meaning never changes.
 * `exitCode` is what a command ends with, `status` what an HTTP answer carries.
 */
export const FAILURES = {
  // usage: what was typed
  unknown_command: { exitCode: 2, status: 400 },
  unknown_flag: { exitCode: 2, status: 400 },
  missing_value: { exitCode: 2, status: 400 },
  invalid_value: { exitCode: 2, status: 400 },
  missing_argument: { exitCode: 2, status: 400 },
  unexpected_argument: { exitCode: 2, status: 400 },
  missing_flag: { exitCode: 2, status: 400 },
  flags_conflict: { exitCode: 2, status: 400 },
  not_available: { exitCode: 2, status: 501 },
} as const satisfies Record<string, { exitCode: number; status: number }>

export type FailureCode = keyof typeof FAILURES

export class OpenworkError extends Error {
  override readonly name = 'OpenworkError'
  readonly code: FailureCode
  /** What to do next, in one sentence; a command where there is one. */
  readonly hint: string | undefined
  /** Structured facts for machines: an HTTP body's `details`, a log record's attributes. */
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(
    code: FailureCode,
    message: string,
    options: { hint?: string; cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details
  }
}

/** The system error code (`ENOENT`, `EADDRINUSE`, …) of a thrown value, if it has one. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
