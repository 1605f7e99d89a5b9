import type { ReleaseFile } from './checksums.ts'

export const INSTALLER_FILE = 'install.sh'

/** scripts/install.sh with the hashes of a release in it: who has the script needs to trust nothing else. */
export function renderInstaller(
  script: string,
  { version, executables }: { version: string; executables: readonly ReleaseFile[] },
): string {
  const hashes = executables.map(({ sha256, name }) => `${sha256}  ${name}`).join('\n')
  return fill(fill(script, 'RELEASE', version), 'HASHES', hashes)
}

/** Gives a value to the one line `NAME='…'` of the script. */
function fill(script: string, name: string, value: string): string {
  if (!/^[\w .\n-]*$/.test(value)) throw new Error(`${JSON.stringify(value)} needs quoting in a shell script`)
  const line = new RegExp(`^${name}='[^'\\n]*'$`, 'm')
  if (!line.test(script)) throw new Error(`scripts/install.sh has no line ${name}='…'`)
  return script.replace(line, `${name}='${value}'`)
}
