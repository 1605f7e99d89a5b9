import { z } from 'zod'
import type { FailureDetails, OpenworkError } from '../shared/errors.ts'

const answered = z.object({ details: z.record(z.string(), z.unknown()) })

/** What a host or daemon said of its failure, which is in the details of the request's own; those when it said nothing. */
export const detailsOf = ({ details }: OpenworkError): FailureDetails | undefined =>
  answered.safeParse(details).data?.details ?? details
