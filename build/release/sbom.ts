import { createHash } from 'node:crypto'
import type { OpencodePins } from '../../src/sidecars/pins/opencode-pins.ts'
import type { BundledPackage } from './bundled-packages.ts'
import type { ReleaseFile } from './checksums.ts'

export const SBOM_FILE = 'openwork-orchestrator.cdx.json'

export type SbomInput = {
  version: string
  generatedAt: Date
  executables: readonly ReleaseFile[]
  packages: readonly BundledPackage[]
  bunVersion: string
  opencode: OpencodePins
}

/**
 * What is in the executables, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): the npm packages whose modules
 * are compiled in, Bun around them, and opencode, which is not inside but which they start, by the hashes they insist on.
 */
export function releaseSbom(input: SbomInput): object {
  const { version, generatedAt, executables, packages, bunVersion, opencode } = input
  const components = [
    ...packages.map(libraryComponent),
    bunComponent(bunVersion),
    ...Object.entries(opencode.packages).map(([name, { sha256 }]) => ({
      type: 'application',
      'bom-ref': npmUrl(name, opencode.version),
      name,
      version: opencode.version,
      description: 'Not compiled in: started by openwork when its program has this hash',
      hashes: [{ alg: 'SHA-256', content: sha256 }],
      licenses: [{ license: { id: 'MIT' } }],
      purl: npmUrl(name, opencode.version),
    })),
  ]
  const self = npmUrl('openwork-orchestrator', version)
  const content = {
    version: 1,
    metadata: {
      timestamp: generatedAt.toISOString(),
      component: {
        type: 'application',
        'bom-ref': self,
        name: 'openwork-orchestrator',
        version,
        licenses: [{ license: { id: 'MIT' } }],
        purl: self,
        components: executables.map(({ name, sha256 }) => ({
          type: 'file',
          'bom-ref': `file:${name}`,
          name,
          hashes: [{ alg: 'SHA-256', content: sha256 }],
        })),
      },
    },
    components,
    dependencies: [
      { ref: self, dependsOn: components.map(component => component['bom-ref']) },
      ...components.map(component => ({ ref: component['bom-ref'] })),
    ],
  }
  return { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: serialNumber(content), ...content }
}

function libraryComponent({ name, version, license, integrity }: BundledPackage) {
  return {
    type: 'library',
    'bom-ref': npmUrl(name, version),
    name,
    version,
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex') }],
    licenses: [{ license: { id: license } }],
    purl: npmUrl(name, version),
  }
}

const bunComponent = (version: string) => ({
  type: 'platform',
  'bom-ref': npmUrl('bun', version),
  name: 'bun',
  version,
  description:
    'The runtime inside every executable; it carries JavaScriptCore and other libraries under their licences',
  licenses: [{ license: { id: 'MIT' } }],
  purl: npmUrl('bun', version),
})

/** https://github.com/package-url/purl-spec: the `@` of a scope is written as %40. */
const npmUrl = (name: string, version: string): string => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`

/** A UUID made from the content (version 8 of RFC 9562), where a random one would differ from build to build. */
function serialNumber(content: object): string {
  const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex')
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)]
  return `urn:uuid:${parts.join('-')}`
}
