/** The one opencode binary of a platform package that may run: what it is called, and what it must be. */
export type OpencodePin = {
  /** Path inside the package's `bin/` folder: `opencode` or `opencode.exe`. */
  readonly file: string
  /** Of the extracted binary, lower-case hex. */
  readonly sha256: string
  /** Bytes of the extracted binary. */
  readonly size: number
}

/** Everything this build trusts. Made by `npm run pin:opencode`, compiled in: a mirror can fail, it cannot lie. */
export type OpencodePins = {
  readonly version: string
  /** By the name of the npm platform package, which is also the stem of opencode's own release assets. */
  readonly packages: Readonly<Record<string, OpencodePin>>
}
