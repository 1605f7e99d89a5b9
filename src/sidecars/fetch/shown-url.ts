/** A URL for people and logs: without user info, and without the query, where signed links keep their signature. */
export function shownUrl(url: string | URL): string {
  const parsed = URL.parse(String(url))
  if (parsed === null) return 'a URL that is none'
  const { protocol, host, pathname, search } = parsed
  return `${protocol}//${host}${pathname}${search && '?…'}`
}
