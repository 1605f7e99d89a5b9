/** Every kind of flag that a command's table can have. */
export { bool, enumeration, list } from './choice-flags.ts'
export type { Flag, Flags, JsonSchema, ValuesOf, Where } from './flag.ts'
export { byteSize, duration, integer, port } from './number-flags.ts'
export { path, secret, text, url } from './text-flags.ts'
