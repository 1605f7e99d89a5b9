import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'fflate'
import { parseTar } from 'nanotar'
import { systemCode } from '../src/shared/errors.ts'
import { npmPack } from './npm.ts'
import { hashFile } from './release/checksums.ts'
import { TARGETS, type Target } from './targets.ts'

const LOCKFILE = resolve(import.meta.dir, '..', 'package-lock.json')

/**
 * Bun's own binary for another platform, of the version that runs us, kept in `folder` once fetched. It comes from the
 * npm client of whoever builds (`npm pack`), so their registry, proxy and credentials apply; the lockfile has its hash,
 * as npm lists the optional packages of every platform there.
 */
export async function fetchRuntime(target: Target, folder: string): Promise<string> {
  const file = target.startsWith('bun-windows-') ? 'bun.exe' : 'bun'
  const runtime = join(folder, `${target}-${Bun.version}`, file)
  const locked = await lockedIntegrity(target)
  const record = `${runtime}.json`
  if (await isIntact(runtime, record, locked)) return runtime
  await mkdir(folder, { recursive: true })
  const scratch = await mkdtemp(join(folder, '.fetch-'))
  try {
    const spec = `${TARGETS[target].runtime}@${Bun.version}`
    const tarball = await readFile(join(scratch, await npmPack(spec, scratch)))
    const actual = integrity(tarball)
    if (actual !== locked) throw new Error(`${spec} is ${actual}, but package-lock.json says ${locked}`)
    const name = `package/bin/${file}`
    const binary = parseTar(gunzipSync(tarball)).find(entry => entry.name === name)?.data
    if (!binary) throw new Error(`${spec} holds no ${name}`)
    const complete = join(scratch, file)
    await writeFile(complete, binary, { mode: 0o755 })
    await mkdir(dirname(runtime), { recursive: true })
    await rename(complete, runtime)
    await writeFile(complete, JSON.stringify({ package: actual, ...(await hashFile(runtime)) }))
    await rename(complete, record)
    return runtime
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function lockedIntegrity(target: Target): Promise<string> {
  const name = TARGETS[target].runtime
  const locked = JSON.parse(await readFile(LOCKFILE, 'utf8')).packages[`node_modules/${name}`]
  if (locked?.version === Bun.version) return locked.integrity
  throw new Error(`package-lock.json names ${name} ${locked?.version}, and this is Bun ${Bun.version}`)
}

const integrity = (bytes: Uint8Array): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`

/** Whether what was kept is of the package that the lockfile names, and as it was then: a disk may be full, or a file cut off. */
async function isIntact(runtime: string, record: string, locked: string): Promise<boolean> {
  try {
    const kept = JSON.parse(await readFile(record, 'utf8'))
    return kept.package === locked && kept.sha256 === (await hashFile(runtime)).sha256
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return false
    throw error
  }
}
