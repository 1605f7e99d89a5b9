// Does at once what the first run would do: fetches the executable where the platform package was left out, and puts it
// in the launcher's place. It never fails an installation: all it does, the launcher does as well.
'use strict'

const { env } = process

install().catch(error => {
  console.error(`openwork: ${error.message}`)
  if (error.hint) console.error(error.hint)
  console.error('This does not fail the installation: `openwork` tries again when it is run.')
})

async function install() {
  if (isForAnotherMachine()) return
  // Loaded here, so that even files that another installation in this folder takes away fail nothing.
  const found = require('./lib/find.cjs').findInstalled()
  if (!found && isOffline()) {
    console.error('openwork: its executable is not installed yet. `openwork` fetches it when it is run with a network.')
    return
  }
  const executable = found ?? (await require('./lib/fetch.cjs').fetchExecutable())
  // Who names an executable wants the launcher that looks for the name.
  if (!env.OPENWORK_ORCHESTRATOR_BIN_PATH) {
    const { version } = require('./package.json')
    require('./lib/replace.cjs').replaceLauncher(executable, { version, userAgent: env.npm_config_user_agent })
  }
}

/** `npm install --os=… --cpu=… --libc=…`: an installation that is copied elsewhere. */
function isForAnotherMachine() {
  const { npm_config_os: os, npm_config_cpu: cpu, npm_config_libc: libc } = env
  return Boolean((os && os !== process.platform) || (cpu && cpu !== process.arch) || libc)
}

function isOffline() {
  return ['true', '1'].includes(env.npm_config_offline)
}
