import { isNote, type LogLine } from './log-line.ts'

export type Range = { from: number; to: number }

/** A text that is looked for: upper and lower case count when it has an upper-case letter. */
export const searchPattern = (query: string): RegExp =>
  new RegExp(RegExp.escape(query), /\p{Lu}/u.test(query) ? 'gu' : 'giu')

export const isMatch = (line: LogLine, pattern: RegExp): boolean => !isNote(line) && line.text.search(pattern) >= 0

/** Where it is found in a line. */
export const rangesOf = (line: LogLine, pattern: RegExp): Range[] =>
  isNote(line)
    ? []
    : Array.from(line.text.matchAll(pattern), ({ index, 0: found }) => ({ from: index, to: index + found.length }))
