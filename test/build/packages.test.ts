import { expect, test } from 'bun:test'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { assemblePackages } from '../../build/packages.ts'
import { ALL_TARGETS, TARGETS } from '../../build/targets.ts'
import { VERSION } from '../../src/shared/version.ts'
import { executableAsset, platformName } from '../../src/sidecars/release/release.ts'

const readJson = async (...path: string[]) => JSON.parse(await readFile(join(...path), 'utf8'))

test('every platform has a package that only it installs, and the one for people knows all of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'openwork-packages-'))
  try {
    const platforms = []
    for (const target of ALL_TARGETS) {
      const executable = join(folder, target)
      await writeFile(executable, `the executable for ${target}`)
      platforms.push({ ...TARGETS[target].platform, executable })
    }
    expect(platforms).toHaveLength(8)

    const folders = await assemblePackages(join(folder, 'npm'), platforms)

    const [meta = '', ...others] = folders.toReversed()
    const manifests = await Promise.all(others.toReversed().map(each => readJson(each, 'package.json')))
    const manifest = await readJson(meta, 'package.json')
    expect(manifest).toMatchObject({ name: 'openwork-orchestrator', version: VERSION })
    expect(manifest.optionalDependencies).toEqual(Object.fromEntries(manifests.map(({ name }) => [name, VERSION])))
    for (const each of [manifest, ...manifests]) expect(each.private).toBeUndefined() // or it could not be published
    expect(
      manifests.map(({ name, os, cpu, libc }) => [name.replace('openwork-orchestrator-', ''), os, cpu, libc]),
    ).toEqual([
      ['linux-x64', ['linux'], ['x64'], ['glibc']],
      ['linux-arm64', ['linux'], ['arm64'], ['glibc']],
      ['linux-x64-musl', ['linux'], ['x64'], ['musl']],
      ['linux-arm64-musl', ['linux'], ['arm64'], ['musl']],
      ['darwin-x64', ['darwin'], ['x64'], undefined],
      ['darwin-arm64', ['darwin'], ['arm64'], undefined],
      ['windows-x64', ['win32'], ['x64'], undefined],
      ['windows-arm64', ['win32'], ['arm64'], undefined],
    ])

    const checksums = await readJson(meta, 'checksums.json')
    expect(Object.keys(checksums)).toEqual(platforms.map(platformName))
    for (const platform of platforms) {
      const { package: name, file, asset, sha256, size } = checksums[platformName(platform)]
      const packed = join(folder, 'npm', name, file)
      expect(new Bun.CryptoHasher('sha256').update(await readFile(packed)).digest('hex')).toBe(sha256)
      expect(await stat(packed)).toMatchObject({ size })
      expect(asset).toBe(executableAsset(platform))
      expect(basename(file)).toBe(platform.os === 'windows' ? 'openwork.exe' : 'openwork')
    }
    for (const name of [...manifest.files, 'LICENSE', 'README.md', manifest.bin.openwork])
      expect((await Bun.file(join(meta, name)).exists()) || (await readdir(join(meta, name))).length > 0).toBe(true)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
