/**
 * A folder as the value of opencode's `directory` parameter: opencode (1.18.33) decodes percent escapes once more than a
 * URL has them, so that one whose name holds such an escape would mean another folder. `location[directory]` is decoded once.
 */
export const directoryParam = (directory: string): string =>
  directory.includes('%') ? encodeURIComponent(directory) : directory
