import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'

/** Interfaces that lead into this machine or a tunnel rather than to the people next to it. */
const VIRTUAL = /^(?:lo|docker|br-|veth|virbr|vmnet|vboxnet|utun|tun|tap|wg|tailscale|zt|cni|flannel|podman|lxc)/i

export type ConnectAddress = {
  /** The host name or address for pairing URLs. */
  host: string
  /** Other addresses under which the machine can be reached, when the first guess is wrong. */
  alternatives: readonly string[]
}

/**
 * Under which address another machine most likely reaches this one: the interface of the default route, else the first
 * one that is not virtual, else any, else `<hostname>.local`. A guess: `--connect-host` overrides it.
 */
export function findConnectAddress(
  interfaces = networkInterfaces(),
  defaultInterface = findDefaultInterface(),
): ConnectAddress {
  const addresses = Object.entries(interfaces).flatMap(([name, entries]) =>
    (entries ?? [])
      .filter(entry => entry.family === 'IPv4' && !entry.internal)
      .map(entry => ({ address: entry.address, rank: rank(name, defaultInterface) })),
  )
  const [best, ...others] = addresses.sort((a, b) => a.rank - b.rank).map(({ address }) => address)
  return { host: best ?? `${hostname().replace(/\.local$/, '')}.local`, alternatives: others }
}

const rank = (name: string, defaultInterface: string | undefined): number =>
  name === defaultInterface ? 0 : VIRTUAL.test(name) ? 2 : 1

/** The interface of the default route, where the system tells it in a file (Linux). */
function findDefaultInterface(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const routes = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1)
    return routes.map(line => line.split('\t')).find(([, destination]) => destination === '00000000')?.[0]
  } catch {
    return undefined // no procfs, as in some sandboxes: the ranking by name remains
  }
}
