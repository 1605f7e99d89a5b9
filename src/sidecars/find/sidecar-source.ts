import { OpenworkError } from '../../shared/errors.ts'

/** Where binaries may come from: `--opencode-source`, `--sidecar-source`. */
export const SIDECAR_SOURCES = ['auto', 'bundled', 'downloaded', 'external'] as const
export type SidecarSource = (typeof SIDECAR_SOURCES)[number]

export type SourceWish = {
  source: SidecarSource
  /** A program that the user names; needs `allowExternal`. */
  explicitBin?: string | undefined
  /** `--allow-external` */
  allowExternal: boolean
  /** How the user has called them. Default: the flags. */
  flags?: SourceFlags | undefined
}

/** How the two wishes of a program are called: flags, or the environment variables that they came from. */
export type SourceFlags = { readonly bin: string; readonly source: string }

/** `--opencode-bin ./mine`, `OPENWORK_OPENCODE_BIN=./mine`: as it was said. */
export const asSaid = (name: string, value: string): string => `${name}${name.startsWith('-') ? ' ' : '='}${value}`

/**
 * What needs no look at the machine, for callers who refuse before they begin.
 *
 * @throws OpenworkError `external_not_allowed`, `flags_conflict`
 */
export function refuseContradictions({ source, explicitBin, allowExternal }: SourceWish, flags: SourceFlags): void {
  if (explicitBin !== undefined && (source === 'bundled' || source === 'downloaded'))
    throw new OpenworkError('flags_conflict', `${flags.bin} cannot be used with ${asSaid(flags.source, source)}`, {
      hint: 'Leave one of the two out.',
    })
  if (allowExternal || (explicitBin === undefined && source !== 'external')) return
  const asked = explicitBin === undefined ? asSaid(flags.source, 'external') : asSaid(flags.bin, explicitBin)
  throw new OpenworkError('external_not_allowed', `${asked} names a program that openwork cannot verify`, {
    hint: 'If you trust it, add --allow-external (or set OPENWORK_ALLOW_EXTERNAL=1).',
  })
}
