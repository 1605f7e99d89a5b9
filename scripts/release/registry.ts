import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'

const PACK_LIMIT_MS = 10 * 60_000
const VIEW_LIMIT_MS = 60_000
/** Some 50 MB go up, over a line that may be slow. */
const PUBLISH_LIMIT_MS = 20 * 60_000

/** Packs folders into `destination`; resolves to the file names, in the same order. */
export async function pack(folders: readonly string[], destination: string): Promise<string[]> {
  const args = ['pack', ...folders, '--json', '--ignore-scripts', `--pack-destination=${destination}`]
  const { code, stdout, stderr } = await npm(args, PACK_LIMIT_MS)
  if (code !== 0) throw new Error(`npm pack failed (exit code ${code}): ${stderr}`)
  return JSON.parse(stdout).map((packed: { filename: string }) => packed.filename)
}

/** As npm writes it: of the whole archive. */
export async function integrityOf(tarball: string): Promise<string> {
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(tarball)) hash.update(chunk)
  return `sha512-${hash.digest('base64')}`
}

/** The integrity of a version as the registry has it; undefined when it has no such version. */
export async function publishedIntegrity(name: string, version: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await npm(['view', `${name}@${version}`, 'dist.integrity', '--json'], VIEW_LIMIT_MS)
  const isUnknown = /"code":\s*"E404"/.test(stdout)
  if (isUnknown || (code === 0 && stdout.trim() === '')) return undefined // npm before 10 says nothing for a version
  if (code !== 0) throw new Error(`npm view ${name}@${version} failed (exit code ${code}): ${stderr || stdout}`)
  return JSON.parse(stdout)
}

/** Resolves to npm's complaint, undefined when the package is on the registry. */
export async function publish(
  tarball: string,
  { tag, provenance }: { tag: string | undefined; provenance: boolean },
): Promise<string | undefined> {
  const args = ['publish', tarball, '--access', 'public', '--ignore-scripts']
  if (tag) args.push('--tag', tag)
  if (provenance) args.push('--provenance')
  const { code, stderr } = await npm(args, PUBLISH_LIMIT_MS)
  return code === 0 ? undefined : `exit code ${code}: ${stderr.trim()}`
}

/** npm with the settings of whoever publishes: their registry, credentials and proxy. */
function npm(args: string[], timeout: number): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('npm', [...args, '--loglevel=error'], { stdio: ['ignore', 'pipe', 'pipe'], timeout })
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', text => {
      output[stream] += text
    })
  return new Promise((resolve, reject) => child.on('error', reject).on('close', code => resolve({ code, ...output })))
}
