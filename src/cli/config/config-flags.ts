import { text } from '../kit/flags.ts'

/** Of a command about one setting. */
export const keyArg = { summary: 'Name of a flag, without its dashes: `approval`' } as const

export const commandFlag = text({
  perCall: true,
  valueName: 'command',
  summary: 'In the section of this command, such as "files read"; it counts there before what is for all',
})
