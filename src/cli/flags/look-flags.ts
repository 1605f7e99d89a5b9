import { bool } from '../kit/flags.ts'

/** Help puts them under this. */
export const OUTPUT = 'Output'

export const colorFlag = bool({
  group: OUTPUT,
  env: 'OPENWORK_COLOR',
  defaultText: 'on in a terminal',
  summary: 'Coloured output; NO_COLOR turns it off as well',
})

export const plainFlag = bool({
  group: OUTPUT,
  default: false,
  summary: 'The dashboard as lines one after the other and typed commands, for screen readers',
})
