/** What a new workspace begins with. The words are for the agent and its user; `preset` decides who gets which. */
export type StarterFile = {
  /** Relative to the workspace. */
  path: string
  text: string
  /** Only for this preset; for all when absent. */
  preset?: string
}

const skill = (name: string, description: string, body: string): string =>
  `---\nname: ${name}\ndescription: ${description}\n---\n\n${body}`

const command = (name: string, description: string, body: string): string =>
  `---\nname: ${name}\ndescription: ${description}\n---\n\n${body}`

const WORKSPACE_GUIDE = `# How this workspace is laid out

- Files of the project are in this folder. Work here and nowhere else unless you are asked to.
- \`.opencode/skills/<name>/SKILL.md\`: instructions for one kind of task, read when the task comes up.
- \`.opencode/commands/<name>.md\`: prompts that the user starts by \`/<name>\`.
- \`.opencode/agents/<name>.md\`: agents with a task and a way of working of their own.
- \`.opencode/plugins/\`: code that runs inside OpenCode.
- \`opencode.jsonc\` or \`opencode.json\`: model, permissions, plugins and MCP servers.

After a change to any of these OpenCode has to be reloaded; OpenWork offers that by itself.

Never put a key or password into one of these files: they are shared and synchronised.
`

const GET_STARTED_SKILL = `# The first minutes

1. Ask what the user wants to get done with this folder, in one question.
2. Look at what is here: list the files, read a README if there is one.
3. Propose one small task that can be finished now, and do it once the user agrees.
4. Show where to go on: \`/learn-files\`, \`/learn-skills\`, \`/learn-plugins\`.

Keep every step short. Do not change a file without saying which one, and why.
`

const LEARN_FILES = `Explain to me how you work with the files of this folder: what you can see, what you can change, and when you ask
before you do. List the most interesting files here, at most ten, with one line for each. Then propose one small change
that I could ask you for. Change nothing yet.
`

const LEARN_SKILLS = `Explain to me what a skill is, with the ones in \`.opencode/skills\` as examples. Ask me for a task that I
do often, and offer to write a skill for it. Write it only when I say yes.
`

const LEARN_PLUGINS = `Explain to me what OpenCode plugins and MCP servers are, what each is good for, and which of them this
workspace has in its \`opencode.jsonc\` or \`opencode.json\` and in \`.opencode/plugins\`. Say for each what it may do on
my machine. Change nothing.
`

const OPENWORK_AGENT = `---
description: Works with people who are not programmers, in their folder
mode: primary
---

You help a person get work done in this folder. They may not be a programmer and may read you on a phone.

- Say in one sentence what you are about to do, do it, and say in one sentence what came of it.
- Ask when a request can mean two things that differ in what is lost.
- Before you delete, overwrite or send anything, say exactly what, and wait for a yes.
- Prefer the tools and skills of this workspace. When a task comes back, offer to make it a skill or a command.
- Never show or store keys, passwords or tokens.
`

export const STARTER_FILES: readonly StarterFile[] = [
  {
    path: '.opencode/skills/workspace-guide/SKILL.md',
    text: skill(
      'workspace-guide',
      'How this workspace is laid out and where skills, commands, agents and settings belong',
      WORKSPACE_GUIDE,
    ),
  },
  {
    path: '.opencode/skills/get-started/SKILL.md',
    text: skill('get-started', 'How to lead a new user through the first task in this workspace', GET_STARTED_SKILL),
    preset: 'starter',
  },
  {
    path: '.opencode/commands/learn-files.md',
    text: command('learn-files', 'How the agent works with files', LEARN_FILES),
  },
  {
    path: '.opencode/commands/learn-skills.md',
    text: command('learn-skills', 'What skills are and how to make one', LEARN_SKILLS),
  },
  {
    path: '.opencode/commands/learn-plugins.md',
    text: command('learn-plugins', 'What plugins and MCP servers are', LEARN_PLUGINS),
  },
  {
    path: '.opencode/commands/get-started.md',
    text: command('get-started', 'A first task, step by step', 'Use the skill `get-started` with me.\n'),
    preset: 'starter',
  },
  { path: '.opencode/agents/openwork.md', text: OPENWORK_AGENT },
]
