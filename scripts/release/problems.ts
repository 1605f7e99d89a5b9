import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpencodePins } from '../../src/sidecars/pins/opencode-pins.ts'
import { sidecarManifest } from '../../src/sidecars/release/manifest.ts'
import { MANIFEST_FILE } from '../../src/sidecars/release/release.ts'
import { unpinnedActions } from './unpinned-actions.ts'

export type Problems = {
  /** What must not be released like this. */
  errors: string[]
  /** What may be in the making, and would be an error in a release. */
  warnings: string[]
}

export type CheckInput = {
  /** Of the checkout. */
  root: string
  pins: OpencodePins
  /** The git tag of the release. */
  tag?: string | undefined
  sourceDateEpoch?: string | undefined
}

type Package = { name: string; version: string; private?: boolean; [field: string]: unknown }

/** Everything that must agree before a release, looked at in one place. Reads, asks nobody. */
export async function findReleaseProblems({ root, pins, tag, sourceDateEpoch }: CheckInput): Promise<Problems> {
  const errors: string[] = []
  const warnings: string[] = []
  const read = (path: string) => readFile(join(root, path), 'utf8')
  const own = JSON.parse(await read('package.json'))
  const lock = JSON.parse(await read('package-lock.json'))
  const { version } = own
  const wants = (what: string, actual: unknown, expected: unknown = version) => {
    if (actual !== expected) errors.push(`${what} is ${String(actual)}, expected ${String(expected)}`)
  }

  // Versions
  wants('version in package-lock.json', lock.version)
  wants('version of the root package in package-lock.json', lock.packages?.['']?.version)
  wants('RELEASE in scripts/install.sh', /^RELEASE='([^']*)'$/m.exec(await read('scripts/install.sh'))?.[1])
  if (tag !== undefined) wants('the tag', tag, `openwork-orchestrator-v${version}`)
  errors.push(...(await manifestProblems(join(root, 'dist', 'release', MANIFEST_FILE), version, pins.version)))

  // What may be published: the assembled packages and nothing else
  const templates = { 'npm/openwork-orchestrator': 'openwork-orchestrator', 'npm/platform': undefined }
  for (const [folder, name] of Object.entries(templates)) {
    const template: Package = JSON.parse(await read(`${folder}/package.json`))
    wants(`version in ${folder}/package.json, a template,`, template.version, '0.0.0')
    wants(`private in ${folder}/package.json, a template,`, template.private, true)
    if (name) wants(`name in ${folder}/package.json`, template.name, name)
  }
  wants('private in package.json', own.private, true)

  // Dependencies and opencode
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'])
    for (const [name, wanted] of Object.entries<string>(own[field] ?? {}))
      if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(wanted))
        errors.push(`${field}: ${name} ${wanted} is not an exact version`)
  wants('the version of the opencode pins', pins.version, own.devDependencies?.['opencode-ai'])
  const opencodePackages = Object.keys(lock.packages?.['node_modules/opencode-ai']?.optionalDependencies ?? {})
  if (opencodePackages.length === 0) errors.push('package-lock.json does not tell the platform packages of opencode-ai')
  const missing = opencodePackages.filter(name => !Object.hasOwn(pins.packages, name))
  if (missing.length > 0)
    warnings.push(
      `no pin for ${missing.join(', ')}: run \`npm run pin:opencode -- ${pins.version}\` with a full registry`,
    )

  // Text and workflows
  const headings = [...(await read('CHANGELOG.md')).matchAll(/^## \[([^\]]+)\]/gm)].map(([, heading]) => heading)
  if (!headings.includes(version)) {
    if (headings.includes('Unreleased')) warnings.push(`CHANGELOG.md has no entry [${version}] yet, only [Unreleased]`)
    else errors.push(`CHANGELOG.md has neither an entry [${version}] nor [Unreleased]`)
  }
  const workflows = join(root, '.github', 'workflows')
  for (const file of await readdir(workflows))
    for (const use of unpinnedActions(await readFile(join(workflows, file), 'utf8')))
      errors.push(`.github/workflows/${file}: ${use} is not pinned by a commit with its version behind it`)
  if (!sourceDateEpoch) warnings.push('SOURCE_DATE_EPOCH is not set: a second build would differ in its dates')
  return { errors, warnings }
}

/** Of a release that has been built already. */
async function manifestProblems(path: string, version: string, opencodeVersion: string): Promise<string[]> {
  if (!existsSync(path)) return []
  const parsed = sidecarManifest.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success) return [`${path} is no sidecar manifest: ${parsed.error.issues[0]?.message}`]
  const problems: string[] = []
  if (parsed.data.version !== version) problems.push(`${path} is of ${parsed.data.version}, expected ${version}`)
  for (const [name, entry] of Object.entries(parsed.data.entries)) {
    const expected = name === 'opencode' ? opencodeVersion : version
    if (entry && entry.version !== expected) problems.push(`${path}: ${name} is ${entry.version}, expected ${expected}`)
  }
  return problems
}
