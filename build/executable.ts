import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { linkExecutable } from '../src/sidecars/download/link-executable.ts'
import { dropStaleSignature } from './mach-o.ts'
import type { Target } from './targets.ts'

/** First module of our one executable, from the repository's root. */
export const ENTRY = 'src/bin/openwork.ts'

/**
 * ink's debugging aid, for whoever has `DEV=true` for whatever reason, imports a package that ink does not install, and
 * reads files that an executable has not got.
 */
const withoutReactDevtools: Bun.BunPlugin = {
  name: 'without-react-devtools',
  setup(build) {
    build.onLoad({ filter: /[\\/]ink[\\/]build[\\/]reconciler\.js$/ }, async ({ path }) => ({
      contents: (await Bun.file(path).text()).replaceAll(`process.env['DEV'] === 'true'`, 'false'),
      loader: 'js',
    }))
  },
}

const BUNDLE = {
  format: 'esm',
  // A chunk behind a dynamic import is neither parsed nor run before it is asked for: keeps `--version` quick.
  splitting: true,
  // Names stay: they cost 30 KB of 110 MB and no time, and a stack trace in a bug report tells what happened.
  minify: { whitespace: true, syntax: true, identifiers: false },
  // Bun would put in where a CommonJS module lay on the machine that builds, and no two checkouts would build the same.
  define: {
    __filename: JSON.stringify('/openwork/module.js'),
    __dirname: JSON.stringify('/openwork'),
    // React has both of its builds inside, and the one for development is slow and large.
    'process.env.NODE_ENV': JSON.stringify('production'),
  },
  plugins: [withoutReactDevtools],
} satisfies Partial<Bun.BuildConfig>

export type Executable = {
  /** The program's first module. */
  entry: string
  outfile: string
  /** Another platform than this one; `runtime` is then Bun's own binary for it. */
  cross?: { target: Target; runtime: string }
}

/**
 * Compiles a program and everything it imports into one executable. A running copy of the old file goes on undisturbed:
 * the new one takes its name when it is complete.
 *
 * Stack traces name the sources relative to the working directory, so run this in the repository's root.
 */
export async function compileExecutable({ entry, outfile, cross }: Executable): Promise<void> {
  await mkdir(dirname(outfile), { recursive: true })
  const scratch = await mkdtemp(join(dirname(outfile), '.compile-'))
  try {
    const complete = join(scratch, basename(outfile))
    await Bun.build({
      entrypoints: [entry],
      compile: {
        outfile: complete,
        ...(cross ? { target: cross.target, executablePath: cross.runtime } : {}),
        // The folder it is started in is the user's, or a stranger's: no file there may configure it.
        autoloadDotenv: false,
        autoloadBunfig: false,
        autoloadTsconfig: false,
        autoloadPackageJson: false,
      },
      ...BUNDLE,
      bytecode: true,
      // Inside the executable as well as beside it; only the inner one is used.
      sourcemap: 'linked',
    })
    await dropStaleSignature(complete)
    await rename(complete, outfile)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What the one executable is called beside its own name: the name that it is started by selects the program. */
export const OTHER_PROGRAMS = ['openwork-server', 'opencode-router'] as const

/** Compiles openwork for this machine into `outfile`, and gives it its other names beside that. */
export async function compileForThisMachine(outfile: string): Promise<void> {
  await compileExecutable({ entry: ENTRY, outfile })
  for (const name of OTHER_PROGRAMS) await linkExecutable(outfile, `${name}${EXECUTABLE_SUFFIX}`)
}

/** Of executables on this machine. */
export const EXECUTABLE_SUFFIX = process.platform === 'win32' ? '.exe' : ''

/** Every module that is compiled in with this one, relative to the working directory, with `/`. */
export async function bundledModules(entry: string): Promise<string[]> {
  const { metafile } = await Bun.build({ entrypoints: [entry], target: 'bun', metafile: true, ...BUNDLE })
  return Object.keys(metafile?.inputs ?? {}).sort()
}
