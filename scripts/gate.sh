#!/usr/bin/env bash
# Checks a release with bash, openssl, jq and coreutils alone: no part of assize takes part.
#
#   scripts/gate.sh RELEASE KEY...
#
# RELEASE is a release's folder. Each KEY is a public key (PEM) of the releaser or of another role,
# or a folder of such keys, from a place you trust and never from the release. Checked: names, the
# model's signature, every file of the model and beside it against the signed lists, the chain of
# verdicts, and that the verdict says PASSED. Not checked, because it takes the counts and a policy:
# whether the criteria are yours and whether their bounds follow (`assize gate`).
#
# Exit: 0 PASSED and unchanged; 1 unchanged, but the verdict is FAILED; 2 usage; 3 not a release;
# 4 not trusted; 5 a program is missing. Tests: tests/policy/gate_script_test.cc.
set -euo pipefail
shopt -s globstar dotglob nullglob
export LC_ALL=C

usage() { echo "usage: gate.sh RELEASE KEY..." >&2; exit 2; }
refuse() { printf 'gate.sh: NOT TRUSTED: %s\n' "$1" | tr -c '[:print:]\n' '?' >&2; exit 4; }

[ $# -ge 2 ] || usage
for program in openssl jq base64 sha256sum sort comm cut stat mktemp tr; do
  command -v "$program" >/dev/null || { echo "gate.sh: $program is missing" >&2; exit 5; }
done
release=$1
shift
[ -d "$release" ] || { echo "gate.sh: $1: no such folder" >&2; exit 3; }
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT

# Keys by id: the SHA-256 of the PEM text as openssl writes it.
mkdir "$tmp/keys"
add_key() {
  openssl pkey -pubin -in "$1" -pubout -out "$tmp/key.pem" 2>/dev/null || return 1
  cp "$tmp/key.pem" "$tmp/keys/$(sha256sum < "$tmp/key.pem" | cut -c1-64)"
}
for argument in "$@"; do
  if [ -d "$argument" ]; then
    for file in "$argument"/*; do [ -f "$file" ] && add_key "$file" || true; done
  else
    add_key "$argument" || { echo "gate.sh: $argument: not a public key" >&2; exit 2; }
  fi
done
[ -n "$(ls -A "$tmp/keys")" ] || { echo "gate.sh: no public key among: $*" >&2; exit 2; }

cd -- "$release" || exit 3
if [ -d model ]; then tree=model; elif [ -d rejected ]; then tree=rejected; else
  echo "gate.sh: not a release: no model/ and no rejected/" >&2; exit 3
fi

# Names first: everything below works on lines and arguments.
names=(**)
for name in "${names[@]}"; do
  case "$name" in
    *[!A-Za-z0-9._/-]*|-*|*/-*) refuse "a name that no release has: $name" ;;
  esac
  [ ! -L "$name" ] || refuse "a symbolic link: $name"
  [ -f "$name" ] || [ -d "$name" ] || refuse "neither file nor folder: $name"
done

# key_of BUNDLE -> $key: path of the given key that the bundle names, or empty.
key_of() {
  local hint
  hint=$(jq -er '.verificationMaterial.publicKey.hint | strings | select(test("\\A[0-9a-f]{64}\\z"))' \
    "$1" 2>/dev/null) || refuse "$1: names no key"
  key=""
  if [ -f "$tmp/keys/$hint" ]; then key="$tmp/keys/$hint"; fi
}
# verify BUNDLE PAYLOAD: checks the signature with $key and writes the payload.
verify() {
  jq -e '.mediaType == "application/vnd.dev.sigstore.bundle.v0.3+json"
         and .dsseEnvelope.payloadType == "application/vnd.in-toto+json"
         and (.dsseEnvelope.signatures | length) == 1' "$1" >/dev/null 2>&1 ||
    refuse "$1: not a bundle with one signature"
  jq -j '.dsseEnvelope.payload' "$1" | base64 -d > "$2" 2>/dev/null || refuse "$1: no payload"
  jq -j '.dsseEnvelope.signatures[0].sig' "$1" | base64 -d > "$tmp/sig" 2>/dev/null ||
    refuse "$1: no signature"
  { printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(stat -c %s "$2")"; cat "$2"; } > "$tmp/pae"
  local kind
  kind=$(openssl pkey -pubin -in "$key" -noout -text 2>/dev/null)
  case "$kind" in
    *prime256v1*) openssl dgst -sha256 -verify "$key" -signature "$tmp/sig" "$tmp/pae" ;;
    *secp384r1*) openssl dgst -sha384 -verify "$key" -signature "$tmp/sig" "$tmp/pae" ;;
    *secp521r1*) openssl dgst -sha512 -verify "$key" -signature "$tmp/sig" "$tmp/pae" ;;
    ED25519*) openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$tmp/pae" -sigfile "$tmp/sig" ;;
    *) false ;;
  esac >/dev/null 2>&1 || refuse "$1: the signature does not hold"
  jq -e '._type == "https://in-toto.io/Statement/v1"' "$2" >/dev/null 2>&1 ||
    refuse "$1: not an in-toto statement"
}
# Turns pairs of digest and name into lines for sha256sum -c; refuses all other names and digests.
lines() {
  jq -er "$1"' | if (.[0] | test("\\A[0-9a-f]{64}\\z"))
    and (.[1] | test("\\A[A-Za-z0-9._][A-Za-z0-9._/-]*\\z")) and (.[1] | test("(^|/)\\.\\.(/|$)") | not)
    then .[0] + "  " + .[1] else error("name") end' "$2" 2>/dev/null || refuse "$3: a name or digest that may not stand there"
}

# The verdicts: 0001, 0002 ..., each by a given key, each naming the one before.
extension='.predicate["https://assize.dev/verdict/v1"]'
count=0
predecessor=""
while [ -f "verdicts/$(printf %04d $((count + 1))).sigstore.json" ]; do
  count=$((count + 1))
  bundle=verdicts/$(printf %04d "$count").sigstore.json
  key_of "$bundle"
  [ -n "$key" ] || refuse "$bundle: by a key that was not given"
  verify "$bundle" "$tmp/verdict.$count"
  jq -e --arg p "$predecessor" --argjson n "$count" \
    '.predicateType == "https://slsa.dev/verification_summary/v1" and '"$extension"'.predecessor == $p
     and '"$extension"'.number == $n' "$tmp/verdict.$count" >/dev/null ||
    refuse "$bundle: not verdict $count after $predecessor"
  predecessor=$(sha256sum < "$bundle" | cut -c1-64)
  lines "$extension"'.files[] | [.sha256, .name]' "$tmp/verdict.$count" "$bundle" > "$tmp/files"
  sha256sum -c --strict --status "$tmp/files" 2>/dev/null ||
    refuse "files beside the model are not those of $bundle: $(sha256sum -c --quiet "$tmp/files" 2>/dev/null | tr '\n' ' ')"
done
[ "$count" -gt 0 ] || refuse "no verdict"
verdict="$tmp/verdict.$count"

# Nothing beside the model that the newest verdict does not list, but itself.
cut -c67- "$tmp/files" | sort > "$tmp/listed"
for name in "${names[@]}"; do
  [ -f "$name" ] || continue
  case "$name" in "$tree"/*) continue ;; esac
  [ "$name" = "verdicts/$(printf %04d "$count").sigstore.json" ] || printf '%s\n' "$name"
done | sort > "$tmp/here"
comm -23 "$tmp/here" "$tmp/listed" > "$tmp/unlisted"
while IFS= read -r name; do
  # Approvals and waivers may come later; each stands by its own signature.
  case "$name" in
    evidence/approvals/*|evidence/waivers/*) key_of "$name" ;;
    *) refuse "not in the newest verdict: $name" ;;
  esac
  [ -n "$key" ] || refuse "$name: not in the newest verdict, and by a key that was not given"
  verify "$name" "$tmp/payload"
done < "$tmp/unlisted"

# The tree: what is there, as sha256sum lists it.
: > "$tmp/listing"
files=0
(cd -- "$tree"; for name in **; do [ ! -f "$name" ] || printf '%s\n' "$name"; done) | sort > "$tmp/tree"
while IFS= read -r name; do
  (cd -- "$tree" && sha256sum "$name") >> "$tmp/listing"
  files=$((files + 1))
done < "$tmp/tree"
[ "$files" -gt 0 ] || refuse "$tree/ is empty"
wanted=$(jq -er '.subject[] | select(.name == "model-listing").digest.sha256' "$verdict") ||
  refuse "the verdict is about no listing"
[ "$(sha256sum < "$tmp/listing" | cut -c1-64)" = "$wanted" ] ||
  refuse "$tree/ is not the tree that was signed"

passed=$(jq -r '.predicate.verificationResult' "$verdict")
identity=$(jq -r '.predicate.resourceUri | strings | select(test("\\Aassize:[A-Za-z0-9._+@-]+\\z"))' "$verdict")
[ -n "$identity" ] || refuse "the verdict names no release"
if [ "$passed" = PASSED ]; then
  [ "$tree" = model ] || refuse "a verdict says PASSED over a rejected model"
  [ -f model.sig ] || refuse "no model.sig"
  key_of model.sig
  [ -n "$key" ] || refuse "model.sig: by a key that was not given"
  verify model.sig "$tmp/payload"
  jq -e '.predicateType == "https://model_signing/signature/v1.0"
         and (.predicate.serialization.ignore_paths - [".git", ".gitignore", ".gitattributes", ".github"] == [])' \
    "$tmp/payload" >/dev/null || refuse "model.sig: not a signature over the whole folder"
  lines '.predicate.resources[] | [.digest, .name]' "$tmp/payload" model.sig > "$tmp/resources"
  [ "$(sha256sum < "$tmp/resources")" = "$(sha256sum < "$tmp/listing")" ] ||
    refuse "model.sig does not list what lies in model/"
elif [ -f model.sig ]; then
  refuse "a release that did not pass has a model.sig"
fi

# The other bundles: by a given key, or at least unchanged since the verdict.
unchecked=0
for bundle in evidence/*.sigstore.json; do
  key_of "$bundle"
  if [ -n "$key" ]; then verify "$bundle" "$tmp/payload"; else unchecked=$((unchecked + 1)); fi
done
[ "$unchecked" = 0 ] ||
  echo "gate.sh: $unchecked bundles are by keys that were not given; unchanged since the verdict" >&2
if [ "$passed" != PASSED ]; then
  echo "FAILED: $identity is unchanged, and its verdict is FAILED"
  exit 1
fi
echo "PASSED: $identity is unchanged since verdict $count, $files files in $tree/"
