import type { FailureDetails, OpenworkError } from '../shared/errors.ts'

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a host or daemon said of its failure, which is in the details of the request's own; those when it said nothing. */
export const detailsOf = ({ details }: OpenworkError): FailureDetails | undefined =>
  isObject(details) && isObject(details.details) ? details.details : details
