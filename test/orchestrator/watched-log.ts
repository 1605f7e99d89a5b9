import { Log } from '../../src/shared/log.ts'
import { Redactor } from '../../src/shared/redact.ts'

/** A log, and a way to wait for one of its lines. */
export function watchedLog() {
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = []
  const log = new Log({
    format: 'pretty',
    color: false,
    runId: 'run',
    serviceName: 'test',
    serviceVersion: '0',
    minimum: 'debug',
    redactor: new Redactor(),
    write: line => {
      for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line)
    },
  })
  return { log, says: (pattern: RegExp) => new Promise<string>(resolve => waiting.push({ pattern, resolve })) }
}
