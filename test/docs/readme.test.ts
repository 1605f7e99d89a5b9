import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { program } from '../../src/cli/commands/index.ts'
import { globalFlagsOf, loadCommand } from '../../src/cli/kit/define.ts'
import { CommandTree } from '../../src/cli/kit/locate.ts'
import { parseArgv } from '../../src/cli/kit/parse.ts'
import { FlagTable } from '../../src/cli/kit/table.ts'
import { readArguments } from '../../src/cli/kit/values.ts'
import { PROGRAMS } from '../../src/services/own-program.ts'
import { FAILURES } from '../../src/shared/errors.ts'

const ROOT = join(import.meta.dir, '..', '..')
const DECLARED_IN = 'src/shared/errors.ts'
const README = await Bun.file(join(ROOT, 'README.md')).text()

/** Every string literal of our sources, but for the table of codes itself. */
async function literals(): Promise<Set<string>> {
  const found = new Set<string>()
  for await (const file of new Bun.Glob('src/**/*.{ts,tsx}').scan({ cwd: ROOT })) {
    if (file.replaceAll('\\', '/') === DECLARED_IN) continue
    const text = await Bun.file(join(ROOT, file)).text()
    for (const [, literal = ''] of text.matchAll(/'(\w+)'/g)) found.add(literal)
  }
  return found
}

test('every failure code is used', async () => {
  const used = await literals()

  expect(Object.keys(FAILURES).filter(code => !used.has(code))).toEqual([])
})

test('the README explains every failure code, and none that does not exist', () => {
  const explained = new Set(
    README.slice(README.indexOf('## Troubleshooting')).match(/(?<=`(?:\d{3} )?)[a-zA-Z]+(?:_[a-zA-Z]+)*(?=`)/g),
  )

  expect(Object.keys(FAILURES).filter(code => !explained.has(code))).toEqual([])
  expect([...explained].filter(word => word.includes('_') && !(word in FAILURES))).toEqual([])
})

test('every command that the README shows can be typed as it stands there', async () => {
  const tree = new CommandTree(program)
  const blocks = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.split('\n'))
  const lines = blocks.flatMap(line => /^openwork (.*?)(?: *#.*)?$/.exec(line)?.[1] ?? [])
  const inText = [...README.matchAll(/`openwork ([a-z][^`<…|]*)`/g)].map(([, typed = '']) => typed)
  for (const typed of [...lines, ...inText]) {
    const words = typed
      .replaceAll(/"([^"]*)"/g, (_, quoted: string) => quoted.replaceAll(' ', '_'))
      .trim()
      .split(/\s+/)
    if (['help', ...PROGRAMS].includes(words[0] ?? '')) continue // built in; another program's flags
    const { entry, path, rest } = await tree.locate(words)
    if (!entry && rest.length === 0 && tree.under(path).length > 0) continue // a group of commands, as a whole
    const command = entry && (await loadCommand(entry))
    if (!command || path.length === 0) throw new Error(`no command: openwork ${typed}`)
    const parsed = parseArgv(rest, new FlagTable({ ...command.flags, ...globalFlagsOf(program) }))
    if ('unknownFlag' in parsed) throw new Error(`openwork ${path.join(' ')} has no ${parsed.unknownFlag}`)
    if (lines.includes(typed)) readArguments(command, parsed.words, path.join(' '))
  }
  expect(lines.length).toBeGreaterThan(10)
  expect(inText.length).toBeGreaterThan(20)
})

test('every link between the pages of this repository leads somewhere', async () => {
  const broken: string[] = []
  for (const page of ['README.md', 'CHANGELOG.md', 'build/README.md', 'docs/reference.md', 'npm/README.md']) {
    const text = await Bun.file(join(ROOT, page)).text()
    for (const [, target = ''] of text.matchAll(/\]\((?!\w+:)([^)]+)\)/g)) {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
      const exists = existsSync(file) && (anchor === undefined || anchorsOf(await Bun.file(file).text()).has(anchor))
      if (!exists) broken.push(`${page}: ${target}`)
    }
  }

  expect(broken).toEqual([])
})

test('the README asks for the versions of Node.js that the packages ask for', async () => {
  const wanted = async (path: string): Promise<string> =>
    (await Bun.file(join(ROOT, path)).json()).engines.node.replace('>=', '')

  expect(README).toContain(
    `| npm, pnpm, yarn or bun, with Node.js ${await wanted('npm/openwork-orchestrator/package.json')} or newer |`,
  )
  expect(README).toContain(`From a checkout, with Node.js ${await wanted('package.json')} or newer`)
})

/** As GitHub makes them of headings. */
const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
