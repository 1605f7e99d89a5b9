import { randomUUID } from 'node:crypto'

const TEMPORARY_NAME = /^\.openwork-tmp-[0-9a-f-]{36}$/

/** A name for a file that is being written, beside the one it will replace. Listings and watchers leave it out. */
export const temporaryName = (): string => `.openwork-tmp-${randomUUID()}`

export const isTemporaryName = (name: string): boolean => TEMPORARY_NAME.test(name)
