import { afterAll, beforeAll, expect, test } from 'bun:test'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findReleaseProblems } from '../../scripts/release/problems.ts'
import { OPENCODE_VERSION, VERSION } from '../../src/shared/version.ts'
import { OPENCODE_PINS } from '../../src/sidecars/pins/opencode-pins.generated.ts'
import { MANIFEST_FILE } from '../../src/sidecars/release/release.ts'

const ROOT = join(import.meta.dir, '..', '..')
const READ = ['package.json', 'package-lock.json', 'CHANGELOG.md', 'scripts/install.sh', 'npm', '.github/workflows']
const MANIFEST = join('dist', 'release', MANIFEST_FILE)

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-release-check-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

/** A copy of what the check reads, without what was built. */
async function checkout(): Promise<string> {
  const root = await mkdtemp(join(folder, 'root-'))
  for (const each of READ) await cp(join(ROOT, each), join(root, each), { recursive: true })
  return root
}

/** With one file changed. */
async function problemsWith(path: string, change: (text: string) => string, tag?: string) {
  const root = await checkout()
  const before = await readFile(join(root, path), 'utf8').catch(() => '')
  const after = change(before)
  expect(after).not.toBe(before) // or the test shows nothing
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), after)
  return findReleaseProblems({ root, pins: OPENCODE_PINS, tag, sourceDateEpoch: '1700000000' })
}

test('everything in this checkout agrees', async () => {
  const { errors } = await findReleaseProblems({ root: await checkout(), pins: OPENCODE_PINS })
  expect(errors).toEqual([])
})

const manifest = (version: string, opencode: string): string =>
  JSON.stringify({
    version,
    entries: { openwork: { version, targets: {} }, opencode: { version: opencode, targets: {} } },
  })

test.each<[what: string, path: string, change: (text: string) => string, complaint: string]>([
  [
    'a version in the lockfile',
    'package-lock.json',
    text => text.replace(`"version": "${VERSION}"`, '"version": "9.9.9"'),
    'version in package-lock.json is 9.9.9',
  ],
  [
    'the version in the installer',
    'scripts/install.sh',
    text => text.replace(`RELEASE='${VERSION}'`, "RELEASE='9.9.9'"),
    'RELEASE in scripts/install.sh is 9.9.9',
  ],
  ['a dependency range', 'package.json', text => text.replace('"mri": "', '"mri": "^'), 'devDependencies: mri ^'],
  [
    'another opencode',
    'package.json',
    text => text.replace(`"opencode-ai": "${OPENCODE_VERSION}"`, '"opencode-ai": "9.9.9"'),
    `the version of the opencode pins is ${OPENCODE_VERSION}, expected 9.9.9`,
  ],
  [
    'a template that could be published',
    'npm/platform/package.json',
    text => text.replace('"private": true', '"private": false'),
    'private in npm/platform/package.json',
  ],
  [
    'an action by its tag',
    '.github/workflows/ci.yml',
    text => text.replace(/checkout@\w{40} # v[\d.]+/, 'checkout@v4'),
    'actions/checkout@v4 is not pinned',
  ],
  [
    'a changelog without this release',
    'CHANGELOG.md',
    text => text.replaceAll(/^## .*$/gm, ''),
    `CHANGELOG.md has neither an entry [${VERSION}]`,
  ],
  [
    'the manifest of another release',
    MANIFEST,
    () => manifest('9.9.9', OPENCODE_VERSION),
    `is of 9.9.9, expected ${VERSION}`,
  ],
  [
    'a manifest with another opencode',
    MANIFEST,
    () => manifest(VERSION, '9.9.9'),
    `opencode is 9.9.9, expected ${OPENCODE_VERSION}`,
  ],
  ['a damaged manifest', MANIFEST, () => '{}', 'is no sidecar manifest'],
])('%s is an error', async (_, path, change, complaint) => {
  const { errors } = await problemsWith(path, change)
  expect(errors.join('\n')).toContain(complaint)
})

test('a tag of another version is an error, and that of this one is none', async () => {
  const changed = ['CHANGELOG.md', (text: string) => `${text}\n## [${VERSION}] - 2026-11-22\n`] as const
  expect((await problemsWith(...changed, 'openwork-orchestrator-v9.9.9')).errors).toEqual([
    `the tag is openwork-orchestrator-v9.9.9, expected openwork-orchestrator-v${VERSION}`,
  ])
  expect((await problemsWith(...changed, `openwork-orchestrator-v${VERSION}`)).errors).toEqual([])
})

test('what may be in the making is a warning, and an error where a release is made', async () => {
  const pins = { ...OPENCODE_PINS, packages: {} }
  const { errors, warnings } = await findReleaseProblems({ root: await checkout(), pins })
  expect(errors).toEqual([])
  expect(warnings.join('\n')).toContain('no pin for opencode-darwin-arm64, ')
  expect(warnings.join('\n')).toContain('SOURCE_DATE_EPOCH is not set')

  const run = (...flags: string[]) =>
    Bun.spawnSync([process.execPath, join(ROOT, 'scripts', 'release-check.ts'), ...flags], {
      env: { PATH: process.env.PATH },
      timeout: 20_000,
    })
  const lax = run()
  expect(lax.stdout.toString()).toContain('warning: SOURCE_DATE_EPOCH is not set')
  expect(lax.exitCode).toBe(0)
  const strict = run('--strict')
  expect(strict.stdout.toString()).toContain('error: SOURCE_DATE_EPOCH is not set')
  expect(strict.exitCode).toBe(1)
})
