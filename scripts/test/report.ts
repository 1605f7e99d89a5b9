export type Report = {
  passed: number
  failed: number
  /** `file: name` of each test that was skipped or is still to be written. */
  skipped: string[]
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

  const failures = count('failures') + unreported.length
  const failed = failures === 0 && run.exitCode !== 0 ? 1 : failures
  return {
    passed: count('tests') - count('failures') - count('skipped'),
    failed,
    skipped: skips(xml ?? ''),
    unreported,
  }
}

function skips(xml: string): string[] {
  const cases = xml.matchAll(/<testcase ([^>]*)>\s*<skipped/g)
  return [...cases].map(([, attributes = '']) => `${attribute(attributes, 'file')}: ${attribute(attributes, 'name')}`)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''
  return value.replace(/&(\w+);/g, (entity, name: string) => ENTITIES[name] ?? entity)
}
