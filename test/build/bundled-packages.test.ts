import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundledPackages } from '../../build/release/bundled-packages.ts'

/** By folder, as in a lockfile: the inner one is another version of the outer. */
const LOCKED = {
  'node_modules/one': '1.0.0',
  'node_modules/@scope/two': '2.0.0',
  'node_modules/one/node_modules/@scope/two': '3.0.0',
}

let folder: string
let root: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'openwork-bundled-'))
  root = join(folder, 'checkout')
  await mkdir(root)
  for (const [path, version] of Object.entries(LOCKED)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const at = join(folder, 'node_modules', 'shared', path)
    await mkdir(at, { recursive: true })
    await writeFile(join(at, 'package.json'), JSON.stringify({ name, version, license: 'MIT' }))
    await writeFile(join(at, 'LICENSE'), `of ${name}`)
  }
  await symlink(join(folder, 'node_modules', 'shared', 'node_modules'), join(root, 'node_modules'))
  const packages = Object.fromEntries(
    Object.entries(LOCKED).map(([path, version]) => [path, { version, integrity: `sha512-${version}` }]),
  )
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages }))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([
  ['in the checkout', ''],
  ['linked from elsewhere, below another node_modules', '../node_modules/shared/'],
])('packages are found in the lockfile whose modules are %s', async (_, before) => {
  const modules = [
    'src/bin/openwork.ts',
    ...Object.keys(LOCKED).flatMap(path => [`${before}${path}/index.js`, `${before}${path}/lib/deep/other.js`]),
  ]

  const found = await bundledPackages(root, modules)

  expect(found.map(({ name, version, integrity }) => [name, version, integrity])).toEqual([
    ['@scope/two', '2.0.0', 'sha512-2.0.0'],
    ['one', '1.0.0', 'sha512-1.0.0'],
    ['@scope/two', '3.0.0', 'sha512-3.0.0'],
  ])
})

test('a package that the lockfile does not know stops the release', async () => {
  await expect(bundledPackages(root, ['node_modules/three/index.js'])).rejects.toThrow(
    'package-lock.json has no hash of node_modules/three',
  )
})
