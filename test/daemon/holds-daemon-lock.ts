// Takes the daemon's lock at a path and says so, or says why not; keeps it until its standard input ends.
import { DaemonLock } from '../../src/daemon/daemon-lock.ts'
import { OpenworkError } from '../../src/shared/errors.ts'

try {
  const lock = await DaemonLock.take(process.argv[2] ?? '')
  console.log('held')
  await Bun.stdin.text()
  await lock.release()
} catch (error) {
  if (!(error instanceof OpenworkError)) throw error
  console.log(`${error.code} ${JSON.stringify(error.details)}`)
}
