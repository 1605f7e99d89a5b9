import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { OpenworkError, systemCode } from '../shared/errors.ts'

/**
 * Below those that systems give to outgoing connections and to whoever asks for any (Linux from 32768, others from 49152
 * on): such a one may be somebody's by the time that the program it is meant for listens.
 */
const FIRST_PORT = 20_000
const LAST_PORT = 32_767
const TRIES = 50

type Wanted = {
  preferred: number | undefined
  /** Taken by us. */
  except?: number
  flag: string
}

/**
 * A port that can be listened on at `host` right now: `preferred` if it is free, else any.
 * @throws OpenworkError port_in_use, port_not_allowed, address_not_available
 */
export async function findPort(host: string, { preferred, except, flag }: Wanted): Promise<number> {
  if (preferred !== undefined && preferred !== 0 && preferred !== except && (await isFree(host, preferred)))
    return preferred
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1)
    if (port !== except && (await isFree(host, port))) return port
  }
  return (await listenOnce(host, 0, flag)) as number
}

/**
 * Exactly this port, or an error that names it.
 * @throws OpenworkError port_in_use, port_not_allowed, address_not_available
 */
export async function requirePort(host: string, port: number, flag: string): Promise<number> {
  if ((await listenOnce(host, port, flag)) !== undefined) return port
  throw new OpenworkError('port_in_use', `Port ${port} at ${host} is in use by another program`, {
    hint: `Stop that program, or pass another ${flag} (0 takes any free port).`,
    details: { host, port },
  })
}

/** Whether a listener could be opened there now. */
export async function isFree(host: string, port: number): Promise<boolean> {
  try {
    return (await listenOnce(host, port, 'the port')) !== undefined
  } catch (error) {
    if (error instanceof OpenworkError && error.code === 'port_not_allowed') return false
    throw error
  }
}

/** Listens and closes again: the port it had, `undefined` when another listener has it. */
function listenOnce(host: string, port: number, flag: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', error => {
      if (systemCode(error) === 'EADDRINUSE') resolve(undefined)
      else reject(explain(error, { host, port, flag }))
    })
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}

function explain(error: Error, { host, port, flag }: { host: string; port: number; flag: string }): Error {
  const details = { host, port }
  switch (systemCode(error)) {
    case 'EACCES':
      return new OpenworkError('port_not_allowed', `Port ${port} at ${host} may not be used: permission denied`, {
        hint: `Pass ${flag} with a number of 1024 or more.`,
        details,
      })
    case 'EADDRNOTAVAIL':
      return new OpenworkError('address_not_available', `This machine has no address ${host} to listen on`, { details })
    default:
      return error
  }
}
