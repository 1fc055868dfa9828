// VERIFY.md: the check of a release for people without our program. Its commands are run by a test
// exactly as they stand.
#include "lib/evidence/documents.h"
#include "lib/evidence/types.h"

namespace assize::evidence {
namespace {

const char* DigestOption(const std::string& algorithm) {
  if (algorithm == "P-384") return "-sha384";
  if (algorithm == "P-521") return "-sha512";
  return "-sha256";
}

const SignerFact& Releaser(const ReleaseFacts& release) {
  for (const SignerFact& signer : release.signers) {
    if (signer.role == RoleName(Role::kReleaser)) return signer;
  }
  AZ_CHECK(false, "a release without releaser");
  return release.signers.front();
}

}  // namespace

std::string VerifyMd(const BuildFacts& build, const ReleaseFacts& release) {
  const SignerFact& releaser = Releaser(release);
  const bool passed = release.folder == kModelFolder;
  const std::string extension = kVerdictExtension;
  std::string text =
      fmt::format(R"md(# {name} {version}: how to check this release

**Key fingerprint: `{key}`**

Compare it with a fingerprint that you obtained elsewhere: from the releaser in person, on paper, or
from your own records. A fingerprint that comes with the release proves nothing, since whoever forges
a release writes this file too.{demo}

You need bash, openssl, jq and coreutils. Run the blocks in one bash session (`set -e` first, so that
the first failure ends it) from inside this folder, with `PUB` naming the releaser's public key that
you obtained elsewhere:

    PUB=/path/to/releaser.pub

(`scripts/gate.sh RELEASE KEY...` of the program's source does the same in one go, with the same
tools, and follows later verdicts as well.)

## 1. It is the key you know

```bash
test "$(sha256sum < "$PUB" | cut -c1-64)" = "{key}"
```

## 2. The verdict is signed with it

```bash
tmp=$(mktemp -d)
unpack() {{
  jq -j '.dsseEnvelope.payload' "$1" | base64 -d > "$tmp/payload"
  jq -j '.dsseEnvelope.signatures[0].sig' "$1" | base64 -d > "$tmp/sig"
  printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(stat -c %s "$tmp/payload")" > "$tmp/pae"
  cat "$tmp/payload" >> "$tmp/pae"
}}
unpack verdicts/0001.sigstore.json
openssl dgst {option} -verify "$PUB" -signature "$tmp/sig" "$tmp/pae"
cp "$tmp/payload" "$tmp/verdict"
jq -e '.predicate.resourceUri == "{uri}"' "$tmp/verdict"
)md",
                  fmt::arg("name", build.plan.name), fmt::arg("version", build.plan.version),
                  fmt::arg("key", releaser.key_id),
                  fmt::arg("demo", releaser.demo ? "\n\nThis is a demonstration key (its "
                                                   "fingerprint begins with `de0`): it stands "
                                                   "for nobody."
                                                 : ""),
                  fmt::arg("option", DigestOption(releaser.algorithm)),
                  fmt::arg("uri", ReleaseUri(build.plan.name, build.plan.version)));
  text += fmt::format("jq -e '.predicate.verificationResult == \"{}\"' \"$tmp/verdict\"\n```\n",
                      passed ? "PASSED" : "FAILED");
  if (!passed) {
    text +=
        "\n**This release did not pass.** The model lies in `rejected/` for those who want to know "
        "why; it has no model signature and is not to be used.\n";
  }
  text += fmt::format(R"md(
## 3. Every file beside the model is the one that was signed, and there are no others

Verdicts after the first, approvals and waivers are added later and stand by their own signatures.

```bash
jq -r '.predicate["{extension}"].files[] | .sha256 + "  " + .name' "$tmp/verdict" > "$tmp/files"
sha256sum -c --strict --quiet "$tmp/files"
cut -c67- "$tmp/files" | sort > "$tmp/listed"
shopt -s globstar dotglob nullglob
for f in **; do
  case "$f" in {folder}/*|verdicts/????.sigstore.json|evidence/approvals/*|evidence/waivers/*) continue ;; esac
  [ -d "$f" ] || printf '%s\n' "$f"
done | sort > "$tmp/here"
comm -23 "$tmp/here" "$tmp/listed" > "$tmp/unsigned"
cat "$tmp/unsigned"
test ! -s "$tmp/unsigned"
```

## 4. The files of the model are the ones that were signed, and there are no others

)md",
                      fmt::arg("extension", extension), fmt::arg("folder", release.folder));
  if (passed) {
    text += fmt::format(R"md(```bash
unpack model.sig
openssl dgst {option} -verify "$PUB" -signature "$tmp/sig" "$tmp/pae"
jq -r '.predicate.resources[] | .digest + "  " + .name' "$tmp/payload" > "$tmp/listing"
)md",
                        fmt::arg("option", DigestOption(releaser.algorithm)));
  } else {
    text += "```bash\n: > \"$tmp/listing\"\n";
    for (const FileFact& file : release.files) {
      text += fmt::format("echo '{}  {}' >> \"$tmp/listing\"\n", file.sha256, file.name);
    }
  }
  text += fmt::format(R"md((cd {folder} && sha256sum -c --strict "$tmp/listing")
test "$(sha256sum < "$tmp/listing" | cut -c1-64)" = \
  "$(jq -r '.subject[] | select(.name == "{subject}").digest.sha256' "$tmp/verdict")"
(cd {folder} && n=0; for f in **; do [ -d "$f" ] || n=$((n + 1)); done; test "$n" = "$(wc -l < "$tmp/listing")")
```

The listing's own SHA-256 is `{listing}`.

## 5. The criteria came first, and the evaluation is about them

The evaluation cites the digest of the signed criteria, and both cite a line of the store's journal.
This shows the order by the builder's own clock and journal; it does not show that nobody tried
before in private.

```bash
unpack evidence/evaluation.sigstore.json
jq -e --arg d "$(sha256sum < evidence/criteria.sigstore.json | cut -c1-64)" \
  '.predicate.criteria.sha256 == $d' "$tmp/payload"
jq -e --arg d "$(tail -n 1 evidence/journal.jsonl | sha256sum | cut -c1-64)" \
  '.predicate.journal.entry == $d' "$tmp/payload"
```

## 6. Who signed what

| role | key fingerprint | kind |
|---|---|---|
)md",
                      fmt::arg("folder", release.folder), fmt::arg("subject", kListingSubject),
                      fmt::arg("listing", release.listing_sha256));
  for (const SignerFact& signer : release.signers) {
    text += fmt::format("| {} | `{}` | {}{} |\n", signer.role, signer.key_id, signer.algorithm,
                        signer.demo ? ", demonstration key" : "");
  }
  text += R"md(
A bundle names its key in `.verificationMaterial.publicKey.hint`, which is `sha256sum` of the public
key's PEM file. To check the bundles of the other roles, repeat step 2's `unpack` and `openssl dgst`
with their keys. The loop checks those that the releaser's key signed; the rest are unchanged since
the verdict (step 3).

```bash
for b in evidence/*.sigstore.json; do
  if [ "$(jq -r .verificationMaterial.publicKey.hint "$b")" = "$(sha256sum < "$PUB" | cut -c1-64)" ]; then
    unpack "$b"
)md";
  text += fmt::format("    openssl dgst {} -verify \"$PUB\" -signature \"$tmp/sig\" \"$tmp/pae\"\n",
                      DigestOption(releaser.algorithm));
  text += R"md(  else
    echo "by another key: $b"
  fi
done
rm -r "$tmp"
```

## What this does not show

That the numbers are true: they are as honest as the evaluator's key. `assize gate --re-evaluate`
measures again on data of your own. That the model suits your patients, machines or purpose. When
anything was signed: the times are those of the signers' clocks.
)md";
  return text;
}

}  // namespace assize::evidence
