#!/bin/sh
# build.sh [--push]: the container image of the release in dist/release, for x64 and arm64.
#
# Without --push: for this machine, into its own Docker. With it: to $IMAGE, as its release and as `latest`.
set -eu
cd "$(dirname "$0")/../.."

release=dist/release
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp build/image/Dockerfile "$release/LICENSE" "$release/THIRD-PARTY-NOTICES.txt" "$context"
cp "$release/openwork-bun-linux-x64" "$context/openwork-amd64"
cp "$release/openwork-bun-linux-arm64" "$context/openwork-arm64"

if [ "${1:-}" = --push ]; then
  : "${IMAGE:?the name of the image}" "${REGISTRY_TOKEN:?}"
  image=$(printf %s "$IMAGE" | tr '[:upper:]' '[:lower:]')
  printf %s "$REGISTRY_TOKEN" | docker login "${image%%/*}" --username "${GITHUB_ACTOR:-openwork}" --password-stdin
  docker buildx create --name openwork-release --use
  docker buildx build --platform linux/amd64,linux/arm64 --tag "$image:$version" --tag "$image:latest" --push "$context"
else
  docker buildx build --load --tag "openwork:$version" "$context"
fi
