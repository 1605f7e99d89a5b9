/** Of so many random bytes. Unlike `node:crypto`, which a short command would wait for, it loads nothing. */
export const randomHex = (bytes: number): string => crypto.getRandomValues(Buffer.alloc(bytes)).toString('hex')
