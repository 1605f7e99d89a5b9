import { OpenworkError } from '../../src/shared/errors.ts'

/** What a call is refused with. */
export async function failureOf(work: Promise<unknown>): Promise<OpenworkError> {
  try {
    await work
  } catch (error) {
    if (error instanceof OpenworkError) return error
    throw error
  }
  throw new Error('it was not refused')
}
