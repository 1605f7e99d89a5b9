/**
 * When the release says that it was made: `SOURCE_DATE_EPOCH`, in seconds, where it is set, so that a second build writes
 * the same files (https://reproducible-builds.org/specs/source-date-epoch/).
 */
export function sourceDate(env: Readonly<Record<string, string | undefined>>): Date {
  const text = env.SOURCE_DATE_EPOCH
  if (!text) return new Date()
  if (!/^\d{1,11}$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, not a number of seconds`)
  return new Date(Number(text) * 1000)
}
