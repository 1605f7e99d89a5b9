import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { isCompiled, type Self } from '../services/own-program.ts'
import { type Installation, parseCheckout, parseInstallation } from './installation.ts'

/** How the program that runs was installed. */
export async function findInstallation({ execPath, main }: Pick<Self, 'execPath' | 'main'>): Promise<Installation> {
  if (!isCompiled(main)) return parseCheckout(join(main, '..', '..', '..'))
  return parseInstallation(await realpath(execPath), existsSync)
}
