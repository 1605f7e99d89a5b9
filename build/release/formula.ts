import type { ReleaseFile } from './checksums.ts'

export const FORMULA_FILE = 'openwork.rb'

/**
 * The Homebrew formula, from its template. `{{version}}`, `{{url:<asset>}}` and `{{sha256:<asset>}}` are filled in;
 * anything that the release lacks is an error, as Homebrew would only find out at an install.
 */
export function renderFormula(
  template: string,
  input: { version: string; baseUrl: string; executables: readonly ReleaseFile[] },
): string {
  const hashes = new Map(input.executables.map(({ name, sha256 }) => [name, sha256]))
  return template.replaceAll(/\{\{(\w+)(?::([\w.-]+))?\}\}/g, (placeholder, key: string, asset = '') => {
    if (key === 'version') return input.version
    const sha256 = hashes.get(asset)
    if (key === 'url' && sha256) return `${input.baseUrl}/${asset}`
    if (key === 'sha256' && sha256) return sha256
    throw new Error(`The formula wants ${placeholder}, and the release has ${[...hashes.keys()].join(', ')}`)
  })
}
