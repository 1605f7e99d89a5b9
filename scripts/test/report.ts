export type FailedTest = {
  /** `file:line`. */
  place: string
  /** With the names of what it is part of, outermost first. */
  name: string
  /** The first lines of what went wrong. */
  error: string
}

export type Report = {
  passed: number
  failed: number
  /** Fewer than `failed` where something failed outside of any test. */
  failures: FailedTest[]
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
    failures: failedTests(xml ?? ''),
    skipped: skips(xml ?? ''),
    unreported,
  }
}

/** Beyond that a difference of two large values would hide the other failures. */
const ERROR_LINES = 12

function failedTests(xml: string): FailedTest[] {
  const cases = xml.matchAll(/<testcase ([^>]*)>\s*<failure ([^>]*?)(?:\/>|>([^<]*)<)/g)
  return [...cases].map(([, test = '', failure = '', text]) => {
    const parts = attribute(test, 'classname').split(' > ').reverse() // Bun lists the innermost first
    const lines = text === undefined ? [attribute(failure, 'message')] : unescaped(text).trim().split('\n')
    return {
      place: `${attribute(test, 'file')}:${attribute(test, 'line')}`,
      name: [...parts.filter(part => part !== ''), attribute(test, 'name')].join(' > '),
      error: [...lines.slice(0, ERROR_LINES), ...(lines.length > ERROR_LINES ? ['…'] : [])].join('\n'),
    }
  })
}

function skips(xml: string): string[] {
  const cases = xml.matchAll(/<testcase ([^>]*)>\s*<skipped/g)
  return [...cases].map(([, attributes = '']) => `${attribute(attributes, 'file')}: ${attribute(attributes, 'name')}`)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function attribute(attributes: string, name: string): string {
  return unescaped(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? '')
}

const unescaped = (text: string): string =>
  text.replace(/&(\w+|#\d+);/g, (entity, name: string) =>
    name.startsWith('#') ? String.fromCodePoint(Number(name.slice(1))) : (ENTITIES[name] ?? entity),
  )
