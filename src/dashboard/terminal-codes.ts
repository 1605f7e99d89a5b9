/** A row that a terminal takes for longer than we do is cut off at the edge: wrapped, it would push all others away. */
export const AUTOWRAP_OFF = '\x1b[?7l'
export const AUTOWRAP_ON = '\x1b[?7h'

/** The first cell of the first row. */
export const HOME = '\x1b[H'

/** Autowrap on, bracketed paste off, cursor shown, the screen from before. */
export const RESTORE = `${AUTOWRAP_ON}\x1b[?2004l\x1b[?25h\x1b[?1049l`

/**
 * Erases each row by its number, wherever the cursor is, and leaves it in the last one. Not at once: what is erased at
 * once, some terminals (tmux) keep among what has scrolled away.
 */
export const eraseRows = (rows: number): string =>
  AUTOWRAP_OFF + Array.from({ length: rows }, (_, index) => `\x1b[${index + 1};1H\x1b[2K`).join('')
