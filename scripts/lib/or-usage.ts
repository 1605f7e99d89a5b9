/** What whoever typed the command has to put right. */
export class UsageError extends Error {}

/**
 * The options of a developer's command, read by `parse`. `--help` prints the usage and ends the process; a UsageError, or
 * what `parseArgs` does not like, prints why, and ends it with 2.
 *
 * @param usage as it would be typed
 */
export function orUsage<T>(usage: string, parse: () => T): T {
  const [first] = process.argv.slice(2)
  if (first === '--help' || first === '-h') {
    console.log(`Usage: ${usage}`)
    process.exit(0)
  }
  try {
    return parse()
  } catch (error) {
    if (!isUsageError(error)) throw error
    console.error(`${error.message}\nUsage: ${usage}`)
    process.exit(2)
  }
}

const isUsageError = (error: unknown): error is Error =>
  error instanceof UsageError ||
  (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'))
