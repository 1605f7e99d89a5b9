import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'fflate'
import { parseTar } from 'nanotar'
import { npmPack } from './npm.ts'
import { TARGETS, type Target } from './targets.ts'

/**
 * Bun's own binary for another platform, of the version that runs us, kept in `folder` once fetched. It comes from the
 * npm client of whoever builds (`npm pack`), so their registry, proxy and credentials apply, and npm checks its hash.
 */
export async function fetchRuntime(target: Target, folder: string): Promise<string> {
  const file = target.startsWith('bun-windows-') ? 'bun.exe' : 'bun'
  const runtime = join(folder, `${target}-${Bun.version}`, file)
  if (await isFile(runtime)) return runtime
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, '.fetch-'))
  try {
    const spec = `${TARGETS[target]}@${Bun.version}`
    const tarball = join(scratch, await npmPack(spec, scratch))
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

const isFile = async (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )
