import { z } from 'zod'

/** The body of every answer that is not 2xx. Clients branch on the status and `code`; `message` is for people. */
export const failureBody = z.object({
  code: z.string(),
  message: z.string(),
  details: z.unknown().optional(),
})
export type FailureBody = z.infer<typeof failureBody>
