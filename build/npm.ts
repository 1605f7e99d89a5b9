import { spawn } from 'node:child_process'

const LIMIT_MS = 10 * 60_000

/**
 * Packs a folder, or a package of the registry that the user's npm is set up for, into `destination`.
 * Resolves to the tarball's file name.
 */
export async function npmPack(spec: string, destination: string): Promise<string> {
  const args = [
    'pack',
    spec,
    '--json',
    '--ignore-scripts',
    '--loglevel=error',
    '--logs-max=0',
    `--pack-destination=${destination}`,
  ]
  const windows = process.platform === 'win32'
  const child = spawn(windows ? 'npm.cmd' : 'npm', args, {
    cwd: destination,
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: windows, // Node refuses to run .cmd files without one
    timeout: LIMIT_MS,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
  })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw new Error(`npm pack ${spec} failed (exit code ${code})`)
  const [packed] = JSON.parse(output) as { filename: string }[]
  if (!packed) throw new Error(`npm pack ${spec} named no file`)
  // npm before 9 answers '@scope/name-1.0.0.tgz' for the file 'scope-name-1.0.0.tgz'.
  return packed.filename.replace(/^@/, '').replaceAll('/', '-')
}
