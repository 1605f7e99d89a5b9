import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { renderFormula } from '../../build/release/formula.ts'
import { ALL_TARGETS, TARGETS } from '../../build/targets.ts'
import { executableAsset } from '../../src/sidecars/release/release.ts'

const TEMPLATE = await Bun.file(join(import.meta.dir, '..', '..', 'build', 'homebrew', 'openwork.rb.template')).text()

const executables = ALL_TARGETS.map(target => {
  const name = executableAsset(TARGETS[target].platform)
  return { name, sha256: createHash('sha256').update(name).digest('hex'), size: 1 }
})

test('the Homebrew formula has the address and the hash of each executable that Homebrew can install', () => {
  const formula = renderFormula(TEMPLATE, { version: '1.2.3', baseUrl: 'https://releases.example/v1.2.3', executables })

  expect(formula).toContain('version "1.2.3"')
  expect(formula).not.toContain('{{')
  const installed = executables.filter(({ name }) => /-(?:darwin|linux)-(?:x64|arm64)$/.test(name))
  expect(installed.length).toBe(4)
  for (const { name, sha256 } of installed)
    expect(formula).toMatch(new RegExp(`url "https://releases\\.example/v1\\.2\\.3/${name}"\\n +sha256 "${sha256}"`))
})

test('a formula of a release that lacks an executable is an error', () => {
  expect(() => renderFormula(TEMPLATE, { version: '1.2.3', baseUrl: '', executables: executables.slice(1) })).toThrow(
    'openwork-bun-linux-x64',
  )
})
