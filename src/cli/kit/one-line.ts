/** What colours the terminal or moves the cursor, and what names its window or fills its clipboard, with the text in it. */
const ESCAPE_SEQUENCES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x80-\x9f\r\n]*(?:\x07|\x1b\\|\x9c)/g

/** Control characters, ends of lines, and marks that turn the direction of what is around them. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/u

/** A text of strangers as it may stand in a line of ours: it does nothing to the terminal, nor to what is beside it. */
export const onOneLine = (text: string): string =>
  text
    .replaceAll(ESCAPE_SEQUENCES, '')
    .split(UNPRINTABLE)
    .map(part => part.trim())
    .filter(part => part !== '')
    .join(' ')
