import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gzipSync } from 'fflate'
import { createTar, parseTar, type TarFileInput } from 'nanotar'
import { withFileLock } from '../../../src/shared/file-lock.ts'
import { failure, fakeOpencode, pinsOf, sha256, VERSION } from '../kit.ts'
import { cacheBox, exists, exported, NAME, OPENWORK } from './cache-kit.ts'

type Box = Awaited<ReturnType<typeof cacheBox>>

const OTHER = 'opencode-darwin-arm64'
const PATH = `openwork-cache/opencode/${VERSION}/${NAME}/opencode`

describe('an export', () => {
  test('an export is a tar that lists what is in it, with hashes', async () => {
    await using box = await cacheBox()
    await box.putBuild()
    await box.putBuild(OTHER)

    const [index, ...builds] = parseTar(await exported(box, [NAME, OTHER]))

    const file = (name: string) => ({
      path: `openwork-cache/opencode/${VERSION}/${name}/opencode`,
      name: 'opencode',
      version: VERSION,
      target: name.replace('opencode-', ''),
      sha256: sha256(box.content),
      size: box.content.length,
    })
    expect(index?.name).toBe('openwork-cache/index.json')
    expect(JSON.parse(index?.text ?? '')).toEqual({ format: 1, openwork: OPENWORK, files: [NAME, OTHER].map(file) })
    expect(builds.map(({ name, text, attrs }) => [name, text, attrs?.mode])).toEqual(
      [NAME, OTHER].map(name => [file(name).path, box.content, '0000755']),
    )
  })

  test('an export is listed by tar', async () => {
    await using box = await cacheBox()
    await box.putBuild()
    const archive = join(box.folder, 'bundle.tar')
    await writeFile(archive, await exported(box))

    const { stdout, stderr, exitCode } = Bun.spawnSync(['tar', '-tvf', archive])

    expect([stderr.toString(), exitCode]).toEqual(['', 0])
    expect(stdout.toString()).toMatch(/openwork-cache\/index\.json\n-rwxr-xr-x .*openwork-cache\/opencode\/7\.8\.9\//)
  })

  test('an export of the same builds is the same bytes', async () => {
    await using box = await cacheBox()
    await box.putBuild()
    const first = await exported(box)
    await box.putBuild()
    expect(sha256(await exported(box))).toBe(sha256(first))
  })

  test('an export of a build that changed since it was verified fails, and names both hashes', async () => {
    await using box = await cacheBox()
    const changed = box.content.replace('echo', 'eval')
    await writeFile(await box.putBuild(), changed)
    const error = await failure(exported(box))
    expect(error.code).toBe('sidecar_checksum_mismatch')
    expect(error.message).toContain(sha256(box.content))
    expect(error.message).toContain(sha256(changed))
  })
})

/** An archive as another box with the same builds exports it. */
async function bundle(names: readonly string[] = [NAME]): Promise<Buffer> {
  await using source = await cacheBox()
  for (const name of names) await source.putBuild(name)
  return await exported(source, names)
}

describe('an import', () => {
  test.each([
    ['a plain archive', (archive: Uint8Array) => archive],
    ['a gzipped one', (archive: Uint8Array) => Buffer.from(gzipSync(archive))],
  ])('of %s puts its builds into the cache, ready to be run', async (_, pack) => {
    await using box = await cacheBox()
    const steps: [number, number][] = []

    const builds = await box.take(pack(await bundle([NAME, OTHER])), {
      onProgress: (_, done, total) => steps.push([done, total]),
    })

    expect(builds.map(({ target, outcome, path }) => [target, outcome, path])).toEqual([
      ['linux-x64', 'imported', box.cached()],
      ['darwin-arm64', 'imported', box.cached(OTHER)],
    ])
    expect(await readFile(box.cached(), 'utf8')).toBe(box.content)
    expect((await stat(box.cached())).mode & 0o777).toBe(0o755)
    expect((await stat(dirname(box.cached()))).mode & 0o777).toBe(0o700)
    expect(steps).toContainEqual([box.content.length, box.content.length])
    expect(await box.files()).toHaveLength(2)
  })

  test('an import leaves a build that is there as it is, and replaces a damaged one', async () => {
    await using box = await cacheBox()
    await box.putBuild(OTHER)
    await writeFile(await box.putBuild(), 'damaged')
    const before = await stat(box.cached(OTHER))

    const builds = await box.take(await bundle([NAME, OTHER]))

    expect(builds.map(({ outcome }) => outcome)).toEqual(['imported', 'there'])
    expect((await stat(box.cached(OTHER))).ino).toBe(before.ino)
    expect(await readFile(box.cached(), 'utf8')).toBe(box.content)
  })

  test('an import skips what is for another version, and what no hash is known of', async () => {
    await using box = await cacheBox()
    await using source = await cacheBox()
    await source.putBuild()
    await source.putBuild(OTHER)
    const archive = Buffer.concat([
      (await exported(source, [NAME], { ...source.pins, version: '7.8.8' })).subarray(0, -1024), // without its end
      await exported(source, [NAME, OTHER]),
    ])
    const { [OTHER]: _, ...packages } = box.pins.packages

    const builds = await box.take(archive, { pins: { ...box.pins, packages } })

    expect(builds.map(({ version, target, outcome, reason }) => [version, target, outcome, reason])).toEqual([
      ['7.8.8', 'linux-x64', 'skipped', `this openwork needs ${VERSION}`],
      [VERSION, 'linux-x64', 'imported', undefined],
      [VERSION, 'darwin-arm64', 'skipped', 'this openwork knows no hash of it'],
    ])
    expect(await box.files()).toEqual([box.cached().slice(box.dir.length + 1)])
  })

  test('an import in two processes at once makes one build', async () => {
    await using box = await cacheBox()
    const archive = await bundle()
    const program = join(import.meta.dirname, '..', '..', 'fixtures', 'import-archive.ts')
    const imports = [1, 2].map(() =>
      Bun.spawn([process.execPath, program, box.dir, JSON.stringify(box.pins)], { stdin: archive, stdout: 'pipe' }),
    )

    const outcomes = await Promise.all(imports.map(async child => JSON.parse(await new Response(child.stdout).text())))

    expect(
      outcomes
        .flat()
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(['imported', 'there'])
    expect(await box.files()).toEqual([box.cached().slice(box.dir.length + 1)])
  })

  test('an import that waited while the folders were cleaned away makes them again', async () => {
    await using box = await cacheBox()
    const waiting = Promise.withResolvers<void>()
    let builds: Promise<unknown> = Promise.resolve()

    await withFileLock(dirname(box.cached()), { onWait: () => {}, signal: undefined }, async () => {
      builds = box.take(await bundle(), { onWait: () => waiting.resolve() })
      await waiting.promise
      await rm(box.path('opencode'), { recursive: true })
    })

    expect(await builds).toMatchObject([{ outcome: 'imported' }])
  })

  test('an import tries out what runs here, and only that', async () => {
    const marker = (box: Box, name: string): string => join(box.folder, `${name}-was-run`)
    await using box = await cacheBox()
    const content = fakeOpencode(VERSION, `touch '${marker(box, '$(basename "$(dirname "$0")")')}'; exit 9`)
    await using source = await cacheBox(content)
    await source.putBuild()

    const error = await failure(box.take(await exported(source), { pins: pinsOf(content) }))
    expect([error.code, error.message]).toEqual(['opencode_not_executable', expect.stringContaining('exit code 9')])
    expect(await box.files()).toEqual([])

    const [build] = await box.take(await exported(source), { pins: pinsOf(content), runnable: [] })
    expect(build?.outcome).toBe('imported')
  })
})

const NONE = 'is not an archive of `openwork cache export`'

describe('nothing is kept of an archive', () => {
  const tar = (...files: TarFileInput[]) => Buffer.from(createTar(files))

  test.each<[string, (box: Box) => Uint8Array | Promise<Uint8Array>, string]>([
    [
      'with other content',
      ({ content }) => tar({ name: PATH, data: content.replace('echo', 'eval') }),
      'sidecar_checksum_mismatch',
    ],
    ['with more content', ({ content }) => tar({ name: PATH, data: `${content}#` }), 'sidecar_checksum_mismatch'],
    ['with less content', () => tar({ name: PATH, data: '#' }), 'sidecar_checksum_mismatch'],
    [
      'that is cut short',
      async ({ content }) => {
        const archive = await bundle()
        return archive.subarray(0, archive.indexOf(content) + 10)
      },
      'sidecar_archive_invalid',
    ],
    [
      'that is gzipped and cut short',
      async () => Buffer.from(gzipSync(await bundle()).slice(0, -20)),
      'sidecar_archive_invalid',
    ],
    ['that is no archive', () => Buffer.from('Not Found'), 'sidecar_archive_invalid'],
    ['that is empty', () => Buffer.alloc(0), 'sidecar_archive_invalid'],
    ['that is one byte', () => Buffer.from('x'), 'sidecar_archive_invalid'],
    ['of something else', () => tar({ name: 'package/bin/opencode', data: 'x' }), 'sidecar_archive_invalid'],
    [
      'that would write elsewhere',
      ({ content }) => tar({ name: `openwork-cache/opencode/../../${NAME}/opencode`, data: content }),
      'sidecar_archive_invalid',
    ],
    ['with an absolute path', ({ content }) => tar({ name: `/${PATH}`, data: content }), 'sidecar_archive_invalid'],
    [
      'whose index lies',
      ({ content }) =>
        tar(
          {
            name: 'openwork-cache/index.json',
            data: JSON.stringify({ files: [{ path: PATH, sha256: sha256(content.replace('echo', 'eval')) }] }),
          },
          { name: PATH, data: content.replace('echo', 'eval') },
        ),
      'sidecar_checksum_mismatch',
    ],
    [
      'with more files than anybody needs',
      () => tar(...Array.from({ length: 1001 }, (_, number) => ({ name: String(number), data: '' }))),
      'sidecar_archive_invalid',
    ],
  ])('%s', async (_, make, code) => {
    await using box = await cacheBox()
    const error = await failure(box.take(await make(box)))
    expect(error.code).toBe(code as typeof error.code)
    expect(error.message).toContain('/usb/bundle.tgz')
    expect(error.hint).toContain('xport it again')
    expect(await readdir(box.dir).catch(() => [])).toEqual([])
    expect(await exists(join(box.folder, NAME))).toBe(false)
  })

  test.each<[string, () => Uint8Array | Promise<Uint8Array>, string]>([
    ['a page of a web server', () => Buffer.from('<html>'.repeat(1000)), `${NONE}: it has a damaged header`],
    ['an empty file', () => Buffer.alloc(0), `${NONE}: it holds no builds of opencode`],
    ['half of an archive', async () => (await bundle()).subarray(0, -1300), 'is cut short'],
    ['half of a gzipped one', async () => Buffer.from(gzipSync(await bundle()).slice(0, -20)), 'is cut short'],
  ])('when it is %s, and the message says so', async (_, make, problem) => {
    await using box = await cacheBox()
    expect((await failure(box.take(await make()))).message).toBe(`/usb/bundle.tgz ${problem}`)
  })

  test('an archive with a link is refused, wherever that leads', async () => {
    await using box = await cacheBox()
    const folder = join(box.folder, 'made')
    await mkdir(dirname(join(folder, PATH)), { recursive: true })
    await symlink('/etc/hostname', join(folder, PATH))
    const { stdout } = Bun.spawnSync(['tar', '-cf', '-', 'openwork-cache'], { cwd: folder })

    const error = await failure(box.take(stdout))

    expect([error.code, error.message]).toEqual(['sidecar_archive_invalid', expect.stringContaining('neither a file')])
    expect(await box.files()).toEqual([])
  })
})

describe('an import that is interrupted', () => {
  const abort = (): AbortController => new AbortController()

  test('an import that is interrupted while it waits for more of a build leaves nothing of it', async () => {
    await using box = await cacheBox()
    const source = new PassThrough()
    const stopped = abort()
    const reached = Promise.withResolvers<void>()
    const archive = await bundle()
    const outcome = box
      .take(source, { signal: stopped.signal, onProgress: () => reached.resolve() })
      .catch((error: unknown) => error)
    source.write(archive.subarray(0, archive.indexOf(box.content) + 10))
    await reached.promise
    expect((await box.files()).join()).toContain('.tmp-')

    stopped.abort(new Error('stop'))

    expect(await outcome).toBe(stopped.signal.reason)
    expect(await box.files()).toEqual([])
  })

  test('an import that is interrupted before anything has come ends as well', async () => {
    await using box = await cacheBox()
    const stopped = abort()
    const outcome = box.take(new PassThrough(), { signal: stopped.signal }).catch((error: unknown) => error)
    stopped.abort(new Error('stop'))
    expect(await outcome).toBe(stopped.signal.reason)
  })

  test('an import that is interrupted while another process has the lock ends without it', async () => {
    await using box = await cacheBox()
    const stopped = abort()
    await mkdir(dirname(box.cached()), { recursive: true })
    await withFileLock(dirname(box.cached()), { onWait: () => {}, signal: undefined }, async () => {
      const outcome = box
        .take(await bundle(), { signal: stopped.signal, onWait: () => stopped.abort(new Error('stop')) })
        .catch((error: unknown) => error)
      expect(await outcome).toBe(stopped.signal.reason)
    })
    expect(await box.files()).toEqual([])
  })
})
