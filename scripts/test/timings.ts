/** Milliseconds by test file, in the form that `bun test --timings` takes. */
export type Timings = { version: 1; files: Record<string, number> }

/** What lasts less fits in anywhere. */
const LONG_MS = 3_000
/** For a file that nothing is known of; Bun would take the median of the known ones, which are the longest. */
const USUAL_MS = 1_000

/** The known times of these files, and a usual one for the rest. */
export const timingsOf = (files: readonly string[], known: Timings): Timings => ({
  version: 1,
  files: Object.fromEntries(files.map(file => [file, known.files[file] ?? USUAL_MS])),
})

/** The long ones of several runs, the longest first and to the second, so that a new measurement changes little. */
export function longest(runs: readonly Timings[]): Timings {
  const files = new Map<string, number>()
  for (const [file, ms] of runs.flatMap(run => Object.entries(run.files)))
    files.set(file, Math.max(files.get(file) ?? 0, ms))
  const long = [...files].filter(([, ms]) => ms >= LONG_MS).sort(([, one], [, other]) => other - one)
  return { version: 1, files: Object.fromEntries(long.map(([file, ms]) => [file, Math.round(ms / 1_000) * 1_000])) }
}
