import { OpenworkError } from '../../shared/errors.ts'
import { shownUrl } from './shown-url.ts'
import type { TransferFailure } from './transfer-failure.ts'

/** What became of one URL. */
export type FailedUrl = { readonly url: string; readonly attempts: number; readonly failure: TransferFailure }

/** The failure when no URL delivered: what went wrong with each, and what to do next. */
export function allFailed({ what, hint }: { what: string; hint: string }, failed: readonly FailedUrl[]): OpenworkError {
  const told = failed.map(({ url, attempts, failure: { message, facts } }) => ({
    url: shownUrl(url),
    problem: message,
    attempts,
    ...(facts.status !== undefined && { status: facts.status }),
    ...facts.wrong,
  }))
  const lines = told.map(
    ({ url, problem, attempts }) => `${url}: ${problem}${attempts > 1 ? ` (${attempts} attempts)` : ''}`,
  )
  // Another file in the place of ours weighs more than a server that does not answer.
  const wrong = failed.find(({ failure }) => failure.facts.wrong)?.failure.facts.wrong
  return new OpenworkError(
    wrong ? 'sidecar_checksum_mismatch' : 'sidecar_download_failed',
    { head: `${what} could not be downloaded`, parts: lines.length > 0 ? lines : ['there is no URL for it'] },
    {
      hint: [...new Set(failed.flatMap(({ failure }) => failure.facts.hint ?? [])), hint].join(' '),
      details: { ...wrong, urls: told },
      cause: failed.at(-1)?.failure,
    },
  )
}
