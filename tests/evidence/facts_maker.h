// Facts of a finished build for tests of the documents made from them.
#pragma once

#include "tests/release/release_maker.h"

namespace assize::testing {

inline evidence::BuildFacts SomeBuild(const Recipe& recipe = {}) {
  TestClock clock;
  return BuildOf(recipe, clock);
}

inline evidence::ReleaseFacts SomeRelease(const Recipe& recipe = {}) {
  evidence::ReleaseFacts release;
  trust::ModelTree tree;
  for (const auto& [name, text] : recipe.files) {
    tree.files.push_back({name, HexOf(text)});
    release.files.push_back({name, HexOf(text), static_cast<int64_t>(text.size())});
  }
  release.folder = "model";
  release.listing_sha256 = tree.ListingSha256();
  release.root_sha256 = tree.RootSha256();
  release.model_file = "model.onnx";
  release.criteria_bundle_sha256 = HexOf("criteria bundle");
  release.criteria_signed_at = TestClock().now - 60;
  release.journal_sequence = 2;
  release.journal_entry_sha256 = HexOf("journal line");
  release.invocation = HexOf("started");
  const Keys& keys = TestKeys();
  release.signers = {{"criteria", keys.criteria.id(), false, "P-256"},
                     {"builder", keys.builder.id(), false, "P-256"},
                     {"evaluator", keys.evaluator.id(), false, "P-256"},
                     {"releaser", keys.releaser.id(), false, "P-256"}};
  return release;
}

}  // namespace assize::testing
