import type { BundledPackage } from './bundled-packages.ts'

export const NOTICES_FILE = 'THIRD-PARTY-NOTICES.txt'

export type NoticesInput = {
  packages: readonly BundledPackage[]
  bunVersion: string
  opencode: { version: string; licenseText: string }
}

/** The licences of what we pass on: inside the executables, and opencode beside them. */
export function renderNotices({ packages, bunVersion, opencode }: NoticesInput): string {
  const bun = [
    'MIT. Bun links JavaScriptCore (LGPL-2.0) and further libraries; their licences, and how to relink them, stand in',
    'https://bun.com/docs/project/licensing',
  ].join('\n')
  const sections = [
    ...packages.map(({ name, version, licenseText }) => section(`${name} ${version}`, licenseText)),
    section(`Bun ${bunVersion}`, bun),
    section(`opencode ${opencode.version} (not inside: archives of its own)`, opencode.licenseText),
  ]
  return `The executables of openwork carry the following software, under the following licences.\n\n${sections.join('\n')}`
}

const section = (title: string, text: string): string => `${'='.repeat(80)}\n${title}\n\n${text.trim()}\n`
