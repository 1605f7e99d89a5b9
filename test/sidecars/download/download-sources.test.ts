import { describe, expect, test } from 'bun:test'
import { readdir, readFile } from 'node:fs/promises'
import { gzipSync, zipSync } from 'fflate'
import { createTar } from 'nanotar'
import type { OpencodeRequest } from '../../../src/sidecars/find/ensure-opencode.ts'
import { MANIFEST_FILE } from '../../../src/sidecars/release/release.ts'
import { type Answer, good, type Mirror, status } from '../../fixtures/mirror.ts'
import { failure, fakeOpencode, packed, pinsOf, sha256, sidecarBox, VERSION } from '../kit.ts'

type Box = Awaited<ReturnType<typeof sidecarBox>>

const MANIFEST = `/${MANIFEST_FILE}`
const MACHINE = { os: 'linux', arch: 'arm64', avx2: false, musl: false } as const
const TARGET = 'linux-arm64'
const PACKAGE = 'opencode-linux-arm64'
const ASSET = `${PACKAGE}.tgz`
const RELEASE = `/opencode/v${VERSION}/${PACKAGE}.tar.gz`

const text = (content: string): Answer => good(new TextEncoder().encode(content))
const json = (value: unknown): Answer => text(JSON.stringify(value))

/** A manifest that lists one file for our target. */
const listing = (file: object, { version = VERSION, target = TARGET } = {}) => ({
  version: '0.0.1',
  entries: { opencode: { version, targets: { [target]: file } } },
})

const fileOf = (archive: Uint8Array, changes: object = {}) => ({
  asset: ASSET,
  sha256: sha256(archive),
  size: archive.length,
  archive: 'tgz',
  path: 'package/bin/opencode',
  ...changes,
})

/** For the one machine that all mirrors here have files for; what is fetched is not run. */
const find = (box: Box, changes: Partial<OpencodeRequest> = {}) =>
  box.find({ source: 'downloaded', machine: MACHINE, ...changes })

/** The same place, as somebody who named the base URL has it. */
const named = (box: Box): Partial<OpencodeRequest> => ({ release: { ...box.request.release, named: ['baseUrl'] } })

const asked = ({ requests }: Mirror): string[] => requests.map(({ path }) => path)

/** A box in which npm has nothing to offer. */
async function sourceBox() {
  const box = await sidecarBox()
  await box.npm({ does: 'fail', exitCode: 1, stderr: 'npm error code E404\n' })
  return box
}

describe('the manifest of the release', () => {
  test('is asked first, and the archive it lists is unpacked', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    box.mirror.set(MANIFEST, json(listing(fileOf(archive))))
    box.mirror.set(`/${ASSET}`, good(archive))
    const seen: string[] = []

    const found = await find(box, {
      onProgress: ({ stage, from }) => seen.push(from ? `${stage} from ${from}` : stage),
    })

    expect(found).toEqual({
      path: box.path('sidecars', 'opencode', VERSION, PACKAGE, 'opencode'),
      source: 'downloaded',
      expectedVersion: VERSION,
      actualVersion: VERSION,
      from: box.mirror.url(`/${ASSET}`),
      warnings: [],
    })
    expect(await readFile(found.path, 'utf8')).toBe(box.content)
    expect(asked(box.mirror)).toEqual([MANIFEST, `/${ASSET}`])
    expect(await readdir(box.path('sidecars', 'downloads'))).toEqual([])
    expect(seen).toContain(`downloading from ${new URL(box.mirror.origin).host}`)
    expect(seen).toContain('unpacking')
  })

  test('may list the binary itself', async () => {
    await using box = await sourceBox()
    const binary = new TextEncoder().encode(box.content)
    box.mirror.set(MANIFEST, json(listing({ asset: 'opencode', sha256: sha256(binary) })))
    box.mirror.set('/opencode', good(binary))
    expect(await readFile((await find(box)).path, 'utf8')).toBe(box.content)
  })

  test('may list further mirrors, which are asked when the file is not beside it', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    const elsewhere = box.mirror.url('/elsewhere.tgz')
    const file = fileOf(archive, { url: box.mirror.url('/first.tgz'), urls: [elsewhere] })
    box.mirror.set(MANIFEST, json(listing(file)))
    box.mirror.set('/elsewhere.tgz', good(archive))
    await find(box)
    expect(asked(box.mirror)).toEqual([MANIFEST, '/first.tgz', `/${ASSET}`, '/elsewhere.tgz'])
  })

  test('that lies elsewhere than the base URL has its files beside it', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    box.mirror.set('/mine/list.json', json(listing(fileOf(archive))))
    box.mirror.set(`/mine/${ASSET}`, good(archive))
    const manifestUrl = box.mirror.url('/mine/list.json')
    await find(box, { release: { ...box.request.release, manifestUrl, named: ['manifestUrl'] } })
    expect(asked(box.mirror)).toEqual(['/mine/list.json', `/mine/${ASSET}`])
  })

  test('of a web server cannot name files of this machine', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    const local = `file://${await box.write('local.tgz', archive)}`
    box.mirror.set(MANIFEST, json(listing(fileOf(archive, { asset: 'not-there.tgz', url: local, urls: [local] }))))
    const error = await failure(find(box))
    expect(error.message).toContain('not-there.tgz')
    expect(error.message).not.toContain('local.tgz')
  })

  test('may be a file on this machine, with the archive beside it', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    await box.write(`bundle/${ASSET}`, archive)
    const manifest = await box.write(`bundle${MANIFEST}`, JSON.stringify(listing(fileOf(archive))))
    const folder = `file://${box.path('bundle')}`
    await find(box, { release: { baseUrl: folder, manifestUrl: `file://${manifest}`, named: ['baseUrl'] } })
    expect(box.mirror.requests).toEqual([])
  })

  test.each([
    ['is not JSON', text('<html>'), 'is not JSON'],
    ['has another shape', json({ version: '1', entries: { opencode: [] } }), 'entries.opencode'],
    ['has no hash for a file', json(listing({ asset: ASSET })), `opencode.targets.${TARGET}.sha256`],
    [
      'names a file that would lie elsewhere',
      json(listing(fileOf(new Uint8Array(1), { asset: '../opencode.tgz' }))),
      'must be a plain file name',
    ],
    ['lists no opencode', json({ version: '1', entries: {} }), 'lists no opencode'],
    [
      'lists another version',
      json(listing(fileOf(new Uint8Array(1)), { version: '7.0.0' })),
      `lists opencode 7.0.0, needed is ${VERSION}`,
    ],
    [
      'lists other targets only',
      json(listing(fileOf(new Uint8Array(1)), { target: 'linux-x64' })),
      `lists no opencode for ${TARGET}, only for linux-x64`,
    ],
    ['is not there', status(404), '404'],
  ])('that %s is a reason for the next source, and told to those who named it', async (_, manifest, problem) => {
    await using box = await sourceBox()
    box.mirror.set(MANIFEST, manifest)
    box.mirror.set(RELEASE, good(packed(box.content)))
    const { warnings } = await find(box, named(box))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(box.mirror.url(MANIFEST))
    expect(warnings[0]).toContain(problem)
    expect(warnings[0]).toEndWith(`; it came from ${box.mirror.url(RELEASE)} instead`)
  })

  test('of a mirror that has only another build for the machine is enough', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    const machine = { os: 'linux', arch: 'x64', avx2: true, musl: false } as const
    box.mirror.set(MANIFEST, json(listing(fileOf(archive), { target: 'linux-x64-baseline' })))
    box.mirror.set(`/${ASSET}`, good(archive))
    const { path } = await find(box, { ...named(box), machine })
    expect(path).toContain('opencode-linux-x64-baseline')
    expect(asked(box.mirror)).toEqual([MANIFEST, `/${ASSET}`])
  })

  test('of the default release that is not there costs one request and no warning', async () => {
    await using box = await sourceBox()
    box.mirror.set(RELEASE, good(packed(box.content)))
    expect((await find(box)).warnings).toEqual([])
    expect(asked(box.mirror)).toEqual([MANIFEST, RELEASE])
  })

  test('is fetched once for all that asks for it', async () => {
    await using box = await sourceBox()
    const archive = packed(box.content)
    box.mirror.set(MANIFEST, json(listing(fileOf(archive))))
    box.mirror.set(`/${ASSET}`, good(archive))
    await find(box)
    await find(box, { sidecarDir: box.path('other') })
    expect(asked(box.mirror)).toEqual([MANIFEST, `/${ASSET}`, `/${ASSET}`])
  })
})

describe('opencode’s own releases', () => {
  test('are asked when the manifest does not help, and the binary is found wherever it lies', async () => {
    await using box = await sourceBox()
    box.mirror.set(RELEASE, good(gzipSync(createTar([{ name: 'some/where/opencode', data: box.content }]))))
    expect(await readFile((await find(box)).path, 'utf8')).toBe(box.content)
  })

  test('are zip files where the machine is no Linux', async () => {
    await using box = await sourceBox()
    const archive = zipSync({ opencode: new TextEncoder().encode(box.content) })
    box.mirror.set(`/opencode/v${VERSION}/opencode-darwin-arm64.zip`, good(archive))
    const { path } = await find(box, { machine: { ...MACHINE, os: 'darwin' } })
    expect(await readFile(path, 'utf8')).toBe(box.content)
  })
})

describe('a source with other content', () => {
  const wrong = fakeOpencode('6.6.6')

  test('is passed over with a warning that names it and both hashes', async () => {
    await using box = await sourceBox()
    const archive = packed(wrong)
    box.mirror.set(MANIFEST, json(listing(fileOf(archive))))
    box.mirror.set(`/${ASSET}`, good(archive))
    box.mirror.set(RELEASE, good(packed(box.content)))
    const { path, warnings } = await find(box)
    expect(await readFile(path, 'utf8')).toBe(box.content)
    expect(warnings).toHaveLength(1)
    for (const said of [box.mirror.url(`/${ASSET}`), sha256(box.content), sha256(wrong)])
      expect(warnings[0]).toContain(said)
  })

  test('than its own manifest says is passed over as well', async () => {
    await using box = await sourceBox()
    box.mirror.set(MANIFEST, json(listing(fileOf(packed(box.content)))))
    box.mirror.set(`/${ASSET}`, good(packed(wrong)))
    box.mirror.set(RELEASE, good(packed(box.content)))
    expect((await find(box)).source).toBe('downloaded')
  })

  test('everywhere is refused, with all that was asked and what each of them answered', async () => {
    await using box = await sourceBox()
    const archive = packed(wrong)
    box.mirror.set(MANIFEST, json(listing(fileOf(archive))))
    box.mirror.set(`/${ASSET}`, good(archive))
    const error = await failure(find(box))
    expect(error.code).toBe('sidecar_checksum_mismatch')
    for (const said of [
      box.mirror.url(`/${ASSET}`),
      `expected SHA-256 ${sha256(box.content)} (${box.content.length} bytes)`,
      `got SHA-256 ${sha256(wrong)} (${wrong.length} bytes)`,
      box.mirror.url(RELEASE),
      '404',
      'npm pack',
      'E404',
    ])
      expect(error.message).toContain(said)
    expect(error.hint).toContain('--sidecar-base-url')
    expect(await readdir(box.path('sidecars'))).toEqual([])
  })
})

describe('when no source delivers', () => {
  test('each of them has a line, under a head that says what is missing', async () => {
    await using box = await sourceBox()
    const { account, message } = await failure(box.find({ machine: MACHINE }))
    const { head, parts = [] } = account ?? {}
    expect(head).toBe(`opencode ${VERSION} could not be fetched`)
    expect(parts).toEqual([
      'bundled: none',
      { head: 'the release files of openwork', parts: [`${box.mirror.url(MANIFEST)}: HTTP 404`] },
      { head: 'the releases of opencode', parts: [`${box.mirror.url(RELEASE)}: HTTP 404`] },
      { head: 'npm', parts: [expect.stringContaining('E404')] },
    ])
    expect(message).toStartWith(`${head}: bundled: none; the release files of openwork: `)
    expect(message).not.toContain('\n')
  })

  test('the mirror that was named is what to check first, and no other is asked for', async () => {
    await using box = await sourceBox()
    const { hint } = await failure(find(box, named(box)))
    expect(hint).toStartWith('Check --sidecar-base-url (OPENWORK_SIDECAR_BASE_URL), or leave it out.')
    expect(hint).not.toContain('mirror')
  })

  test('a mirror may be named where none was, and nobody is told to check what they did not give', async () => {
    await using box = await sourceBox()
    const { hint } = await failure(find(box))
    expect(hint).toContain('name a mirror with --sidecar-base-url')
    expect(hint).not.toContain('leave')
  })
})

test('a search tells what it looks for, where, and what came of each place', async () => {
  await using box = await sourceBox()
  box.mirror.set(RELEASE, good(packed(box.content)))
  const told: { message: string; facts: Readonly<Record<string, unknown>> | undefined }[] = []
  const release = { ...box.request.release, baseUrl: box.request.release.baseUrl.replace('//', '//user:word@') }

  await find(box, { release, debug: (message, facts) => told.push({ message, facts }) })

  const manifest = box.mirror.url(MANIFEST)
  const archive = box.mirror.url(RELEASE)
  expect(told).toEqual([
    { message: 'builds for this machine', facts: { target: TARGET, packages: [PACKAGE] } },
    {
      message: `looking for opencode ${VERSION}`,
      facts: {
        sources: ['downloaded'],
        allowExternal: false,
        sidecarDir: box.path('sidecars'),
        baseUrl: `${box.mirror.origin}/`,
        manifestUrl: manifest,
      },
    },
    { message: 'trying the release files of openwork', facts: { what: `${PACKAGE}@${VERSION}` } },
    { message: 'asking for the manifest of the release', facts: { url: manifest, attempt: 1 } },
    { message: 'that failed', facts: { url: manifest, problem: 'HTTP 404' } },
    {
      message: 'the release files of openwork did not deliver',
      facts: { problem: expect.stringContaining(`${manifest}: HTTP 404`) },
    },
    { message: 'trying the releases of opencode', facts: { what: `${PACKAGE}@${VERSION}` } },
    { message: `asking for ${PACKAGE}@${VERSION}`, facts: { url: archive, attempt: 1, bytes: undefined } },
    { message: 'the releases of opencode delivered', facts: { from: archive } },
  ])
})

test('a build for another machine is fetched and checked, and not run', async () => {
  await using box = await sourceBox()
  const content = fakeOpencode(VERSION, `touch '${box.path('was-run')}'`)
  box.mirror.set(RELEASE, good(packed(content)))
  const { path } = await find(box, { pins: pinsOf(content) })
  expect(await readFile(path, 'utf8')).toBe(content)
  expect(await readdir(box.path())).not.toContain('was-run')
})
