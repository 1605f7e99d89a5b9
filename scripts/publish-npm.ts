// npm run publish:npm
//
// Publishes the npm packages of the release in dist/release, which `npm run build:all` makes: the platforms first, then
// the package that names them. A version that is on the registry already is skipped, so a run that was interrupted is
// simply started again. DRY_RUN=1 only packs. NPM_TAG is the dist-tag. In GitHub Actions npm adds a provenance.
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { assemblePackages } from '../build/packages.ts'
import { CHECKSUMS_FILE, hashFile, parseChecksums } from '../build/release/checksums.ts'
import { NOTICES_FILE } from '../build/release/notices.ts'
import { ALL_TARGETS, TARGETS } from '../build/targets.ts'
import { executableAsset } from '../src/sidecars/release/release.ts'
import { orUsage } from './lib/or-usage.ts'
import { integrityOf, pack, publish, publishedIntegrity } from './release/registry.ts'

const ROOT = resolve(import.meta.dir, '..')
const USAGE =
  'npm run publish:npm -- [--release <folder>] [--outdir <folder>]; DRY_RUN=1 only packs, NPM_TAG is the dist-tag'
const { values } = orUsage(USAGE, () =>
  parseArgs({
    options: {
      release: { type: 'string', default: join(ROOT, 'dist', 'release') },
      outdir: { type: 'string', default: join(ROOT, 'dist', 'npm') },
    },
  }),
)
const { DRY_RUN, NPM_TAG, GITHUB_ACTIONS, GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env
const dryRun = DRY_RUN === '1'
const outdir = resolve(values.outdir)
const releaseFolder = resolve(values.release)

try {
  const platforms = await verifiedExecutables(releaseFolder)
  await rm(outdir, { recursive: true, force: true })
  await mkdir(outdir, { recursive: true })
  const folders = await assemblePackages(outdir, platforms)
  const manifests = await Promise.all(folders.map(complete))
  const tarballs = await pack(folders, outdir)
  for (const [index, { name, version }] of manifests.entries()) {
    const tarball = join(outdir, tarballs[index] ?? '')
    if (dryRun) console.log(`${name}@${version}: packed as ${basename(tarball)}`)
    else await release(name, version, tarball)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error('Stopped. What was published stays; run it again to go on.')
  process.exit(1)
}

/** All eight: a package that names a platform which was never published could not be installed. */
async function verifiedExecutables(folder: string) {
  const sums = await readFile(join(folder, CHECKSUMS_FILE), 'utf8').catch(() => undefined)
  if (sums === undefined) throw new Error(`There is no ${CHECKSUMS_FILE} in ${folder}: run \`npm run build:all\``)
  const hashes = parseChecksums(sums)
  return Promise.all(
    ALL_TARGETS.map(async target => {
      const { platform } = TARGETS[target]
      const asset = executableAsset(platform)
      const executable = join(folder, asset)
      const expected = hashes.get(asset)
      if (!expected) throw new Error(`${CHECKSUMS_FILE} has no ${asset}: run \`npm run build:all\``)
      const { sha256 } = await hashFile(executable)
      if (sha256 !== expected)
        throw new Error(`${executable} has SHA-256 ${sha256}, ${CHECKSUMS_FILE} says ${expected}`)
      return { ...platform, executable }
    }),
  )
}

async function release(name: string, version: string, tarball: string): Promise<void> {
  const spec = `${name}@${version}`
  const integrity = await integrityOf(tarball)
  if (await isPublished(name, version, integrity)) return console.log(`${spec}: is on the registry already`)
  const complaint = await publish(tarball, { tag: NPM_TAG, provenance: GITHUB_ACTIONS === 'true' })
  // An answer may be lost on the way back.
  if (complaint !== undefined && !(await isPublished(name, version, integrity)))
    throw new Error(`${spec} was not published, npm ended with ${complaint}`)
  console.log(`${spec}: published`)
}

/**
 * What only the release knows: the repository, without which npm refuses a provenance, and in the platform packages the
 * licences of what is compiled in.
 */
async function complete(folder: string): Promise<{ name: string; version: string }> {
  const path = join(folder, 'package.json')
  const manifest = JSON.parse(await readFile(path, 'utf8'))
  if (GITHUB_SERVER_URL && GITHUB_REPOSITORY)
    manifest.repository = { type: 'git', url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` }
  if (manifest.os) {
    await copyFile(join(releaseFolder, NOTICES_FILE), join(folder, NOTICES_FILE))
    manifest.files.push(NOTICES_FILE)
  }
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`)
  return manifest
}

/** Whether exactly this is there. Throws when the version is taken by something else. */
async function isPublished(name: string, version: string, integrity: string): Promise<boolean> {
  const published = await publishedIntegrity(name, version)
  if (published === undefined || published === integrity) return published !== undefined
  throw new Error(
    `${name}@${version} is on the registry with other content (${published}, and this is ${integrity}): ` +
      'its executables differ from the hashes in openwork-orchestrator. Take the files of that build, or a new version.',
  )
}
