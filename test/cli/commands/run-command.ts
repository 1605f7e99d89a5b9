import { PassThrough, Readable } from 'node:stream'
import { program } from '../../../src/cli/commands/index.ts'
import { runCli } from '../../../src/cli/kit/run.ts'
import { HOST_TOKEN } from '../../server/start-server.ts'

export type Ran = { code: number; stdout: string; stderr: string }

/** Runs a command line of `openwork` in this process, with nothing of the user's environment. */
export const runCommand = (argv: readonly string[], env: Record<string, string>, cwd = '/'): Promise<Ran> =>
  startCommand(argv, env, cwd).ended

/** The same for a command that goes on: `stdout` and `stderr` are what it has printed so far; `breakPipe` takes its reader away. */
export function startCommand(argv: readonly string[], env: Record<string, string>, cwd = '/') {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const [printed, told] = [collect(stdout), collect(stderr)]
  const code = runCli(program, argv, { env, cwd, home: cwd, stdin: Readable.from([]), stdout, stderr })
  const breakPipe = (): void => {
    stdout.on('error', () => {}) // as bin does
    stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
  }
  return {
    stdout: printed,
    stderr: told,
    breakPipe,
    ended: code.then((code): Ran => ({ code, stdout: printed(), stderr: told() })),
  }
}

/** What a command needs to act as the host of a server. */
export const hostEnv = ({ url, folder }: { url: string; folder: string }): Record<string, string> => ({
  OPENWORK_URL: url,
  OPENWORK_HOST_TOKEN: HOST_TOKEN,
  OPENWORK_DATA_DIR: `${folder}/data`,
})

function collect(stream: PassThrough): () => string {
  const chunks: Buffer[] = []
  stream.on('data', chunk => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}
