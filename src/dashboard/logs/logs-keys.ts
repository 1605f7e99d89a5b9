import type { KeyBinding } from '../keys.ts'

export type LogAction =
  | 'follow'
  | 'service'
  | 'level'
  | 'search'
  | 'next-match'
  | 'previous-match'
  | 'only-matching'
  | 'wrap'
  | 'mark'
  | 'copy'
  | 'copy-all'
  | 'export'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'start'
  | 'end'
  | 'left'
  | 'right'
  | 'clear'

export const LOG_KEYS: readonly KeyBinding<LogAction>[] = [
  { keys: ['f'], label: 'follow', help: 'Follow the end, or stop doing so', action: 'follow' },
  { keys: ['s'], label: 'service', help: 'Show the next service only; all after the last', action: 'service' },
  { keys: ['e'], label: 'level', help: 'Show a higher level and above; all after errors', action: 'level' },
  { keys: ['/'], label: 'search', help: 'Search; upper case counts when some is typed', action: 'search' },
  { keys: ['n'], help: 'Go to the next match', action: 'next-match' },
  { keys: ['N'], help: 'Go to the match before', action: 'previous-match' },
  { keys: ['&'], help: 'Show matching lines only, or all again', action: 'only-matching' },
  { keys: ['W'], label: 'wrap', help: 'Wrap long lines, or cut them off', action: 'wrap' },
  { keys: ['m'], label: 'mark', help: 'Mark the line of the cursor', action: 'mark' },
  { keys: ['y'], label: 'copy', help: 'Copy the marked lines; without any, those in view', action: 'copy' },
  { keys: ['Y'], help: 'Copy all lines that pass the filter', action: 'copy-all' },
  { keys: ['E'], label: 'export', help: 'Write all lines that pass the filter to a file', action: 'export' },
  { keys: ['↑', 'k'], help: 'One line up, and stop following', action: 'up' },
  { keys: ['↓', 'j'], help: 'One line down', action: 'down' },
  { keys: ['PgUp', '^B'], help: 'One page up, and stop following', action: 'page-up' },
  { keys: ['PgDn', '^F', 'Space'], help: 'One page down', action: 'page-down' },
  { keys: ['Home', 'g'], help: 'To the oldest line', action: 'start' },
  { keys: ['End', 'G'], help: 'To the end, and follow it', action: 'end' },
  { keys: ['←'], help: 'To the left in long lines', action: 'left' },
  { keys: ['→'], help: 'To the right in long lines', action: 'right' },
  { keys: ['Esc'], help: 'Forget the search and the marks', action: 'clear' },
]
