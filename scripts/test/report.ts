export type Totals = { passed: number; failed: number; skipped: number }

export type Report = Totals & {
  /** Files that were to run and are not in the report: Bun leaves out one that fails to load. */
  unreported: string[]
}

/**
 * Totals of one `bun test` run, from the JUnit report it wrote; `undefined` when it wrote none. Each file without a
 * report counts as one failure, as does a run that failed without saying where: an error outside of any test.
 */
export function readReport(
  xml: string | undefined,
  run: { files: readonly string[]; exitCode: number | null },
): Report {
  const root = /<testsuites ([^>]*)>/.exec(xml ?? '')?.[1] ?? ''
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0)
  const reported = new Set([...(xml ?? '').matchAll(/<testsuite [^>]*\bfile="([^"]*)"/g)].map(([, file]) => file))
  const unreported = run.files.filter(file => !reported.has(file))

  const skipped = count('skipped')
  const failures = count('failures') + unreported.length
  const failed = failures === 0 && run.exitCode !== 0 ? 1 : failures
  return { passed: count('tests') - count('failures') - skipped, failed, skipped, unreported }
}
