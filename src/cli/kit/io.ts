import type { Readable, Writable } from 'node:stream'
import { homeFolder } from '../../shared/home-folder.ts'

type Terminal = { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

export type Environment = Readonly<Record<string, string | undefined>>

/** Everything a command line program takes from its process. */
export type Io = {
  readonly env: Environment
  readonly cwd: string
  /** What `~/` stands for. Throws `missing_value` for a user without one. */
  readonly home: string
  readonly stdin: Readable & Pick<Terminal, 'isTTY'>
  readonly stdout: Writable & Terminal
  readonly stderr: Writable & Terminal
}

/** A reader that went away (`openwork … | head`), and a terminal that was closed. */
const GONE = ['EPIPE', 'EIO']

/** The real thing, for `src/bin`. Output that nobody sees is no failure. */
export function processIo(env: Environment = process.env): Io {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!GONE.includes(error.code ?? '')) throw error
    })
  return {
    env,
    cwd: process.cwd(),
    // Asked for when it is needed: some users have none.
    get home() {
      return homeFolder()
    },
    // Opened on first use: touching stdin keeps a pipe referenced and costs time that `--version` does not have.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
  }
}
