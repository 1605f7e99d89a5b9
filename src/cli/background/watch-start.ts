import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { ORCHESTRATOR } from '../../shared/orchestrator-name.ts'
import type { Progress } from '../../sidecars/download/progress.ts'
import type { Context } from '../kit/context.ts'
import { onOneLine } from '../kit/one-line.ts'
import { type LogLine, logLineReader } from '../log-files/log-line.ts'
import { renderProgress } from '../render-progress.ts'
import { StatusLine } from '../status-line.ts'

/** Where there is no terminal only these are worth a line: they can take minutes. */
const DOWNLOAD = /^(?:waiting|locating|downloading|unpacking|checking) /

const LAST_LINES = 5
const MAX_READ_BYTES = 1024 * 1024

export type StartWatch = Disposable & {
  /** Reads what the log has got, and shows it. */
  look(): void
  /** Shows this, until the log gets something more. */
  say(step: string): void
  /** Shows nothing more but this, on a line of its own. */
  endWith(text: string): void
  /** Shows how far a download is, where a line of the log every few seconds is too little. */
  progress(progress: Progress | undefined): void
  /** How long the log has got nothing. */
  silentMs(): number
  /** The last lines of the log, since the watch began. */
  lastLines(): readonly string[]
}

/**
 * Shows what a program in the background that is starting writes into its log, from now on: its latest step, until it is
 * disposed of. `what`: `Starting the daemon`.
 */
export function watchStart(
  path: string,
  what: string,
  { stderr, env, output, color = false }: Pick<Context, 'stderr' | 'env' | 'output'> & Partial<Pick<Context, 'color'>>,
): StartWatch {
  const isTerminal = stderr.isTTY === true && env.TERM !== 'dumb' && !env.CI
  const status = isTerminal ? new StatusLine(stderr) : undefined
  const log = new GrowingFile(path)
  const read = logLineReader()
  let last: string[] = []
  let heardAtMs = performance.now()
  let isDownloading = false
  const show = (step: string): void => status?.show(columns => shortened(`${what}${stepText(step, what)}`, columns))
  show('')
  return {
    look: () => {
      const lines = log.newLines().flatMap(read)
      if (lines.length === 0) return
      heardAtMs = performance.now()
      last = [...last, ...lines.map(lineText)].slice(-LAST_LINES)
      // What the services say does not tell how far a start is.
      const steps = lines.filter(({ service }) => service === ORCHESTRATOR)
      const step = steps.at(-1)
      if (status && step && !isDownloading) show(step.text)
      if (!status) for (const line of steps.filter(({ text }) => DOWNLOAD.test(text))) output.note(lineText(line))
    },
    say: show,
    progress: progress => {
      if (progress) status?.show(columns => renderProgress(progress, columns, color))
      else if (isDownloading) show('')
      isDownloading = progress !== undefined
    },
    endWith: text => {
      status?.clear()
      output.note(text)
    },
    silentMs: () => performance.now() - heardAtMs,
    lastLines: () => last,
    [Symbol.dispose]: () => status?.clear(),
  }
}

const lineText = ({ service, text }: LogLine): string => onOneLine(`[${service}] ${text}`)

/** Of what a line says as facts only how far a download is. */
function stepText(line: string, what: string): string {
  const step = onOneLine(line).replaceAll(/ (?!percent=)\w+=("[^"]*"|\S*)/g, '')
  return step === '' || what.toLowerCase().startsWith(step) ? '' : `: ${step}`
}

const shortened = (text: string, columns: number): string =>
  text.length > columns ? `${text.slice(0, columns - 1)}…` : text

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
