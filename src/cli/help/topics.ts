import type { Topic } from '../kit/define.ts'

/** What `openwork help` knows besides commands. The texts are loaded when they are asked for. */
export const topics: readonly Topic[] = [
  guide('getting-started', 'From the first start to a phone that talks to it'),
  guide('dashboard', 'The screen of `openwork start`, and its keys'),
  guide('remote-access', 'Reaching a host from other machines and phones'),
  guide('security', 'Who may do what, and what guards this machine'),
  guide('daemon', 'Many folders served by one background process'),
  guide('hot-reload', 'When opencode takes in changes of its config, skills, commands, agents and plugins'),
  guide('configuration', 'Where settings come from, and the file of your own'),
  {
    name: 'environment',
    summary: 'Every variable, and the flag that it stands for',
    write: async (page, program) => (await import('./generated-pages.ts')).writeEnvironment(page, program),
  },
  guide('files', 'Where openwork keeps what'),
  {
    name: 'exit-codes',
    summary: 'What a command ends with, and the codes of failures',
    write: async page => (await import('./generated-pages.ts')).writeExitCodes(page),
  },
  guide('troubleshooting', 'What to do when something does not work'),
]

function guide<Name extends keyof typeof import('./guides.ts')['guides']>(name: Name, summary: string): Topic {
  return { name, summary, write: async page => (await import('./guides.ts')).guides[name](page) }
}
