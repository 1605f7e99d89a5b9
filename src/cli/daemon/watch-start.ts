import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import type { Context } from '../kit/context.ts'
import { onOneLine } from '../kit/one-line.ts'
import { StatusLine } from '../status-line.ts'

/** Where there is no terminal only these are worth a line: they can take minutes. */
const DOWNLOAD = /^(?:\[[\w-]+\] )?(?:waiting|locating|downloading|unpacking|checking) /

/** Of the lines in the log of a daemon those of the services that it runs do not tell how far it is. */
const OF_SERVICE = /^\[(?!openwork-orchestrator\])/

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z /

const LAST_LINES = 5
const MAX_READ_BYTES = 1024 * 1024

export type StartWatch = Disposable & {
  /** Reads what the log has got, and shows it. */
  look(): void
  /** How long it has got nothing. */
  silentMs(): number
  /** Its last lines, since the watch began. */
  lastLines(): readonly string[]
}

/** Shows what a daemon that is starting writes into its log, from now on: its latest step, until it is disposed of. */
export function watchStart(
  path: string,
  { stderr, env, output }: Pick<Context, 'stderr' | 'env' | 'output'>,
): StartWatch {
  const isTerminal = stderr.isTTY === true && env.TERM !== 'dumb' && !env.CI
  const status = isTerminal ? new StatusLine(stderr) : undefined
  const log = new GrowingFile(path)
  let last: string[] = []
  let heardAtMs = performance.now()
  status?.show(() => STARTING)
  return {
    look: () => {
      const lines = log
        .newLines()
        .map(shownText)
        .filter(line => line !== '')
      if (lines.length === 0) return
      heardAtMs = performance.now()
      last = [...last, ...lines].slice(-LAST_LINES)
      const step = lines.findLast(line => !OF_SERVICE.test(line))
      if (status && step) status.show(columns => stepText(step, columns))
      else for (const line of lines.filter(line => DOWNLOAD.test(line))) output.note(line)
    },
    silentMs: () => performance.now() - heardAtMs,
    lastLines: () => last,
    [Symbol.dispose]: () => status?.clear(),
  }
}

const STARTING = 'Starting the daemon'

/** Of what a line says as facts only how far a download is. */
function stepText(line: string, columns: number): string {
  const step = line.replace(/^\[[\w-]+\] /, '').replaceAll(/ (?!percent=)\w+=("[^"]*"|\S*)/g, '')
  const text = step === STARTING.toLowerCase() ? STARTING : `${STARTING}: ${step}`
  return text.length > columns ? `${text.slice(0, columns - 1)}…` : text
}

/** Without its time; a record of the JSON form is told by its words. */
function shownText(line: string): string {
  if (!line.startsWith('{')) return onOneLine(line.replace(TIME, ''))
  try {
    const { body } = JSON.parse(line) as { body?: unknown }
    return onOneLine(typeof body === 'string' ? body : line)
  } catch {
    return onOneLine(line) // text that begins with a brace
  }
}

class GrowingFile {
  readonly #path: string
  readonly #decoder = new StringDecoder('utf8')
  #readBytes: number
  #rest = ''

  constructor(path: string) {
    this.#path = path
    this.#readBytes = this.#size()
  }

  /** Whole ones. */
  newLines(): string[] {
    const size = this.#size()
    if (size < this.#readBytes) this.#readBytes = 0 // another file in its place
    if (size === this.#readBytes) return []
    const chunk = Buffer.alloc(Math.min(size - this.#readBytes, MAX_READ_BYTES))
    const file = openSync(this.#path, 'r')
    try {
      const length = readSync(file, chunk, 0, chunk.length, this.#readBytes)
      this.#readBytes += length
      const lines = (this.#rest + this.#decoder.write(chunk.subarray(0, length))).split('\n')
      this.#rest = lines.pop() ?? ''
      return lines
    } finally {
      closeSync(file)
    }
  }

  #size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }
}
