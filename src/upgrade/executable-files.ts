/** What lies beside an executable because of upgrades; `openwork.previous.exe` and so on where names end in `.exe`. */
export const executableFiles = (path: string) => {
  const suffix = /\.exe$/i.exec(path)?.[0] ?? ''
  const beside = (word: string): string => `${path.slice(0, path.length - suffix.length)}.${word}${suffix}`
  return {
    /** The version before: what `openwork upgrade --rollback` puts back. */
    previous: beside('previous'),
    /** The version to come, until it has passed its trial. A download that was cut off goes on from it. */
    next: beside('next'),
  }
}
