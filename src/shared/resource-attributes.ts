/**
 * `OTEL_RESOURCE_ATTRIBUTES`: `key=value` pairs between commas, values percent-encoded. What is malformed is left out,
 * as OpenTelemetry's own readers do.
 * https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
 */
export function parseResourceAttributes(text: string | undefined): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (const pair of text?.split(',') ?? []) {
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []
    if (key !== undefined && value !== undefined) attributes[key] = decoded(value)
  }
  return attributes
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value // a lone percent sign
  }
}
