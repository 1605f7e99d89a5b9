import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'fflate'
import { parseTar } from 'nanotar'
import { TARGETS, type Target } from './targets.ts'

const FETCH_LIMIT_MS = 10 * 60_000

/**
 * Bun's own binary for another platform, of the version that runs us, kept in `folder` once fetched. It comes from the
 * npm client of whoever builds (`npm pack`), so their registry, proxy and credentials apply.
 */
export async function fetchRuntime(target: Target, folder: string): Promise<string> {
  const file = target.startsWith('bun-windows-') ? 'bun.exe' : 'bun'
  const runtime = join(folder, `${target}-${Bun.version}`, file)
  if (await isFile(runtime)) return runtime
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, '.fetch-'))
  try {
    const spec = `${TARGETS[target]}@${Bun.version}`
    const tarball = await npmPack(spec, scratch)
    const name = `package/bin/${file}`
    const binary = parseTar(gunzipSync(await readFile(tarball))).find(entry => entry.name === name)?.data
    if (!binary) throw new Error(`${spec} holds no ${name}`)
    const complete = join(scratch, file)
    await writeFile(complete, binary, { mode: 0o755 })
    await mkdir(dirname(runtime), { recursive: true })
    await rename(complete, runtime)
    return runtime
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Downloads a package into `folder`, checked by npm against the registry's integrity; resolves to the tarball's path. */
async function npmPack(spec: string, folder: string): Promise<string> {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const child = spawn(npm, ['pack', spec, '--json', '--ignore-scripts', `--pack-destination=${folder}`], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
    timeout: FETCH_LIMIT_MS,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    output += text
  })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  if (code !== 0) throw new Error(`npm pack ${spec} failed (exit code ${code})`)
  const [packed] = JSON.parse(output) as { filename: string }[]
  if (!packed) throw new Error(`npm pack ${spec} named no file`)
  // npm before 9 answers '@oven/bun-….tgz' for the file 'oven-bun-….tgz'.
  return join(folder, packed.filename.replace(/^@/, '').replaceAll('/', '-'))
}

const isFile = async (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )
