import manifest from '../../package.json' with { type: 'json' }

/** Version of this build: `openwork --version`, `/health`, the `service.version` of log records. */
export const VERSION: string = manifest.version

/** The opencode release this build was made for and verified with, from the pinned development dependency. */
export const OPENCODE_VERSION: string = manifest.devDependencies['opencode-ai']
