#!/bin/sh
# sign.sh <executable>…: signs with a Developer ID and has Apple notarize, on macOS.
#
# Without it they carry the ad-hoc signature that Bun gives them: that is enough to run, and Gatekeeper stops what a
# browser downloaded. A bare executable cannot be stapled: Gatekeeper asks Apple at its first start.
set -eu

: "${CERTIFICATE:?the certificate and its key, PKCS #12 in base64}" "${CERTIFICATE_PASSWORD:?}"
scratch=$(mktemp -d)
keychain=$scratch/signing.keychain-db
trap 'security delete-keychain "$keychain" 2>/dev/null || :; rm -rf "$scratch"' EXIT

umask 077
printf %s "$CERTIFICATE" | base64 --decode >"$scratch/certificate.p12"
password=$(uuidgen)
security create-keychain -p "$password" "$keychain"
security set-keychain-settings "$keychain"
security unlock-keychain -p "$password" "$keychain"
security import "$scratch/certificate.p12" -k "$keychain" -P "$CERTIFICATE_PASSWORD" -T /usr/bin/codesign
security set-key-partition-list -S apple-tool:,apple: -k "$password" "$keychain" >/dev/null
security list-keychains -d user -s "$keychain"
identity=$(security find-identity -v -p codesigning "$keychain" | awk '/Developer ID Application/ { print $2; exit }')
[ -n "$identity" ] || { echo 'The certificate is no Developer ID Application' >&2; exit 1; }

for executable in "$@"; do
  codesign --force --options runtime --timestamp --identifier openwork --keychain "$keychain" \
    --entitlements "$(dirname "$0")/entitlements.plist" --sign "$identity" "$executable"
  codesign --verify --strict "$executable"
done

if [ -z "${NOTARY_KEY:-}" ]; then
  echo 'There is no key for the notary service: signed, and not notarized'
  exit
fi
printf %s "$NOTARY_KEY" | base64 --decode >"$scratch/notary.p8"
for executable in "$@"; do
  ditto -c -k "$executable" "$scratch/upload.zip"
  xcrun notarytool submit "$scratch/upload.zip" --wait --timeout 20m \
    --key "$scratch/notary.p8" --key-id "$NOTARY_KEY_ID" --issuer "$NOTARY_ISSUER"
done
