import { OpenworkError } from '../shared/errors.ts'

/**
 * A released version, without the `v` that tags have.
 * @throws OpenworkError `invalid_value`
 */
export function parseVersion(text: string, what: string): string {
  const version = /^v?(\d{1,9}\.\d{1,9}\.\d{1,9})$/.exec(text.trim())?.[1]
  if (version !== undefined) return version
  throw new OpenworkError(
    'invalid_value',
    `${what} is ${JSON.stringify(text.slice(0, 80))}, which is not a released version`,
    {
      hint: 'Versions look like 1.2.3; previews are not installed by `openwork upgrade`.',
    },
  )
}

/** Whether the first comes after the second. A preview of ours, `1.2.3-x`, counts as what it is a preview of. */
export function isNewer(one: string, other: string): boolean {
  const [a, b] = [numbersOf(one), numbersOf(other)]
  const index = a.findIndex((number, at) => number !== b[at])
  return index >= 0 && (a[index] ?? 0) > (b[index] ?? 0)
}

const numbersOf = (version: string): number[] => (/^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number)
