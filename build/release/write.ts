import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { OPENCODE_PINS } from '../../src/sidecars/pins/opencode-pins.generated.ts'
import { executableAsset, MANIFEST_FILE, releaseBaseUrl } from '../../src/sidecars/release/release.ts'
import { bundledModules, ENTRY } from '../executable.ts'
import { ALL_TARGETS, TARGETS, type Target } from '../targets.ts'
import { bundledPackages } from './bundled-packages.ts'
import { CHECKSUMS_FILE, hashFile, type ReleaseFile, renderChecksums } from './checksums.ts'
import { FORMULA_FILE, renderFormula } from './formula.ts'
import { INSTALLER_FILE, renderInstaller } from './installer.ts'
import { releaseManifest } from './manifest.ts'
import { NOTICES_FILE, renderNotices } from './notices.ts'
import { addOpencodeArchives } from './opencode-archives.ts'
import { releaseSbom, SBOM_FILE } from './sbom.ts'

const ROOT = resolve(import.meta.dir, '..', '..')

/**
 * Writes what describes the executables of a release beside them, and everything that carries their hashes. After the
 * executables were signed, if they are: that changes their bytes. Resolves to the files of the release, all of them.
 *
 * @param withOpencode whether the release carries archives of opencode itself
 */
export async function writeReleaseFiles(
  folder: string,
  { targets, generatedAt, withOpencode }: { targets: readonly Target[]; generatedAt: Date; withOpencode: boolean },
): Promise<ReleaseFile[]> {
  process.chdir(ROOT) // the bundle's modules are named from here
  const executables = await Promise.all(
    targets.map(async target => {
      const { platform } = TARGETS[target]
      const name = executableAsset(platform)
      return { name, platform, ...(await hashFile(join(folder, name))) }
    }),
  )
  const archives = withOpencode ? await addOpencodeArchives(folder, OPENCODE_PINS) : []
  const packages = await bundledPackages(ROOT, await bundledModules(ENTRY))
  const opencode = { version: OPENCODE_VERSION, archives }
  const opencodeLicense = await readFile(join(ROOT, 'node_modules', 'opencode-ai', 'LICENSE'), 'utf8')
  const texts: Record<string, string> = {
    [MANIFEST_FILE]: json(releaseManifest({ version: VERSION, generatedAt, executables, opencode })),
    [SBOM_FILE]: json(
      releaseSbom({
        version: VERSION,
        generatedAt,
        executables,
        packages,
        bunVersion: Bun.version,
        opencode: OPENCODE_PINS,
      }),
    ),
    [NOTICES_FILE]: renderNotices({
      packages,
      bunVersion: Bun.version,
      opencode: { version: OPENCODE_VERSION, licenseText: opencodeLicense },
    }),
    [INSTALLER_FILE]: renderInstaller(await readFile(join(ROOT, 'scripts', 'install.sh'), 'utf8'), {
      version: VERSION,
      executables,
    }),
    LICENSE: await readFile(join(ROOT, 'LICENSE'), 'utf8'),
  }
  if (targets.length === ALL_TARGETS.length) texts[FORMULA_FILE] = await formula(executables) // it names most of them
  for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text)
  const written = Object.keys(texts).map(async name => ({ name, ...(await hashFile(join(folder, name))) }))
  const files = [...executables, ...archives, ...(await Promise.all(written))]
  await writeFile(join(folder, CHECKSUMS_FILE), renderChecksums(files))
  return files
}

async function formula(executables: readonly ReleaseFile[]): Promise<string> {
  const template = await readFile(join(ROOT, 'build', 'homebrew', `${FORMULA_FILE}.template`), 'utf8')
  return renderFormula(template, { version: VERSION, baseUrl: releaseBaseUrl(VERSION), executables })
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
