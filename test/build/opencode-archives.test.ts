import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmPack } from '../../build/npm.ts'
import { hashFile } from '../../build/release/checksums.ts'
import { releaseManifest } from '../../build/release/manifest.ts'
import { addOpencodeArchives } from '../../build/release/opencode-archives.ts'
import type { OpencodePins } from '../../src/sidecars/pins/opencode-pins.ts'

const NAME = 'opencode-linux-x64-baseline'
const PROGRAM = Buffer.from('#!/bin/sh\necho 1.2.3\n')

let folder: string
let tarball: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-archives-'))
  const source = join(folder, 'source')
  await mkdir(join(source, 'bin'), { recursive: true })
  await writeFile(join(source, 'package.json'), JSON.stringify({ name: NAME, version: '1.2.3' }))
  await writeFile(join(source, 'bin', 'opencode'), PROGRAM, { mode: 0o755 })
  tarball = join(folder, await npmPack(source, folder))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** A release folder with the archive in it. */
async function release(): Promise<string> {
  const path = await mkdtemp(join(folder, 'release-'))
  await copyFile(tarball, join(path, `${NAME}-1.2.3.tgz`))
  return path
}

const pinned = (content: Uint8Array): OpencodePins => {
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { version: '1.2.3', packages: { [NAME]: { file: 'opencode', sha256, size: content.length } } }
}

test('an archive of opencode goes into the manifest with its own hash and the path of its program', async () => {
  const archives = await addOpencodeArchives(await release(), pinned(PROGRAM))

  const { entries } = releaseManifest({
    version: '0.0.1',
    generatedAt: new Date(0),
    executables: [],
    opencode: { version: '1.2.3', archives },
  })
  expect(entries.opencode).toEqual({
    version: '1.2.3',
    targets: {
      'linux-x64-baseline': {
        asset: `${NAME}-1.2.3.tgz`,
        ...(await hashFile(tarball)),
        archive: 'tgz',
        path: 'package/bin/opencode',
      },
    },
  })
})

test('two packages with one and the same program are one file, which both machines are given', async () => {
  const { version, packages } = pinned(PROGRAM)
  const [pin] = Object.values(packages)
  if (!pin) throw new Error('nothing is pinned')
  const archives = await addOpencodeArchives(await release(), {
    version,
    packages: { ...packages, 'opencode-linux-x64-baseline-musl': pin },
  })

  expect(archives.map(({ name }) => name)).toEqual([`${NAME}-1.2.3.tgz`])
  const { entries } = releaseManifest({
    version: '0.0.1',
    generatedAt: new Date(0),
    executables: [],
    opencode: { version, archives },
  })
  const { 'linux-x64-baseline': one, 'linux-x64-baseline-musl': other, ...more } = entries.opencode?.targets ?? {}
  expect(more).toEqual({})
  expect(one).toMatchObject({ asset: `${NAME}-1.2.3.tgz`, sha256: (await hashFile(tarball)).sha256 })
  expect(other).toEqual(one)
})

test('an archive whose program is not the pinned one stops the release', async () => {
  const other = Buffer.from(PROGRAM)
  other[0] = 0
  await expect(addOpencodeArchives(await release(), pinned(other))).rejects.toThrow(
    /its opencode has SHA-256 .* and the pin is/,
  )
})
