import { describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findMachine, type Machine, planTarget } from '../../../src/sidecars/pins/target.ts'
import { failure, pinsOf } from '../kit.ts'

const pins = pinsOf('x')

/** A machine as it shows in the files of its system. */
async function machineWith(files: Record<string, string>, arch = 'x64'): Promise<Machine | undefined> {
  const root = await mkdtemp(join(tmpdir(), 'openwork-machine-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), content)
    }
    return await findMachine({ platform: 'linux', arch, root })
  } finally {
    await rm(root, { recursive: true })
  }
}

const WITH_AVX2 = { 'proc/cpuinfo': 'model name : x\nflags\t\t: fpu sse4_2 avx avx2 bmi\n' }
const WITHOUT_AVX2 = { 'proc/cpuinfo': 'model name : avx2 of the name only\nflags\t\t: fpu sse4_2 avx\n' }
const GLIBC = { 'lib64/ld-linux-x86-64.so.2': '' }
const MUSL = { 'lib/ld-musl-x86_64.so.1': '' }

describe('the builds that are tried on a machine', () => {
  test.each([
    ['with AVX2', { ...WITH_AVX2, ...GLIBC }, ['opencode-linux-x64', 'opencode-linux-x64-baseline']],
    ['without AVX2', { ...WITHOUT_AVX2, ...GLIBC }, ['opencode-linux-x64-baseline']],
    ['that hides its processor', GLIBC, ['opencode-linux-x64-baseline']],
    ['with musl', { ...WITH_AVX2, ...MUSL }, ['opencode-linux-x64-musl', 'opencode-linux-x64-baseline-musl']],
    ['with musl, without AVX2', { ...WITHOUT_AVX2, ...MUSL }, ['opencode-linux-x64-baseline-musl']],
    ['with musl beside glibc', { ...WITHOUT_AVX2, ...MUSL, ...GLIBC }, ['opencode-linux-x64-baseline']],
    [
      'that is Alpine with gcompat',
      { ...WITHOUT_AVX2, ...MUSL, ...GLIBC, 'etc/alpine-release': '3.22.0' },
      ['opencode-linux-x64-baseline-musl'],
    ],
  ])('%s', async (_, files, expected) => {
    expect(planTarget(await machineWith(files), pins, {}).packages).toEqual(expected)
  })

  test('of the arm kind, which has one build per C library', async () => {
    expect(planTarget(await machineWith({}, 'arm64'), pins, {}).packages).toEqual(['opencode-linux-arm64'])
    const musl = await machineWith({ 'lib/ld-musl-aarch64.so.1': '' }, 'arm64')
    expect(planTarget(musl, pins, {}).packages).toEqual(['opencode-linux-arm64-musl'])
  })

  test('with Windows, where AVX2 is not asked for', async () => {
    const machine = await findMachine({ platform: 'win32', arch: 'x64' })
    expect(planTarget(machine, pins, {}).packages).toEqual(['opencode-windows-x64-baseline'])
  })

  test('that opencode is not built for are none', async () => {
    expect(await findMachine({ platform: 'freebsd', arch: 'x64' })).toBeUndefined()
    expect(await findMachine({ platform: 'linux', arch: 'riscv64' })).toBeUndefined()
    const error = await failure(Promise.try(() => planTarget(undefined, pins, {})))
    expect(error.code).toBe('platform_not_supported')
    expect(error.hint).toContain('--opencode-bin')
  })

  test('are only those that this openwork can verify', async () => {
    const { 'opencode-linux-x64': known = { file: '', sha256: '', size: 0 } } = pins.packages
    const few = { version: '7.8.9', packages: { 'opencode-linux-x64': known } }
    expect(planTarget(await machineWith({ ...WITH_AVX2, ...GLIBC }), few, {}).packages).toEqual(['opencode-linux-x64'])
    const old = await machineWith({ ...WITHOUT_AVX2, ...GLIBC })
    const error = await failure(Promise.try(() => planTarget(old, few, {})))
    expect(error.code).toBe('platform_not_supported')
    expect(error.message).toContain('linux-x64')
  })
})

describe('a build named in the environment', () => {
  test.each(['opencode-linux-x64-baseline', 'opencode-linux-x64-baseline.tar.gz', ' opencode-linux-x64-baseline.zip '])(
    'as %j replaces the choice',
    asset => {
      const env = { OPENWORK_OPENCODE_ASSET: asset, OPENCODE_ASSET: 'opencode-darwin-arm64.zip' }
      expect(planTarget(undefined, pins, env)).toEqual({
        name: 'linux-x64-baseline',
        packages: ['opencode-linux-x64-baseline'],
      })
    },
  )

  test.each(['../../evil', 'opencode-linux-x64/../evil', 'constructor', 'opencode-plan9-x64.zip'])(
    'as %j is refused, with those that exist',
    async asset => {
      const error = await failure(Promise.try(() => planTarget(undefined, pins, { OPENCODE_ASSET: asset })))
      expect(error.code).toBe('invalid_value')
      expect(error.message).toContain('OPENCODE_ASSET')
      expect(error.message).toEndWith('names no build of opencode')
      expect(error.hint).toContain('opencode-linux-x64-baseline')
    },
  )

  test('as one that exists and is not pinned is refused for want of its hash', async () => {
    const env = { OPENWORK_OPENCODE_ASSET: 'opencode-linux-arm64.tar.gz' }
    const { 'opencode-linux-arm64': _, ...packages } = pins.packages
    const error = await failure(Promise.try(() => planTarget(undefined, { ...pins, packages }, env)))
    expect(error.code).toBe('invalid_value')
    expect(error.message).toBe(
      'OPENWORK_OPENCODE_ASSET=opencode-linux-arm64.tar.gz names a build of opencode for which this openwork knows no hash',
    )
  })
})
