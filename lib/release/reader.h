// Reading a release from disk: which files are there, their bytes, their digests. Nothing is
// believed here: bundles are kept as bytes and show their statements only through a key
// (lib/trust). Tests: tests/release/store_test.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/evidence/facts.h"
#include "lib/support/status.h"
#include "lib/trust/oms.h"

namespace assize::release {

struct Release {
  std::string path;
  std::string folder;                          // "model" or "rejected"; which of the two is there
  trust::ModelTree tree;                       // what is on disk below it
  std::map<std::string, std::string> files;    // everything outside the model folder: name -> bytes
  std::map<std::string, std::string> digests;  // the same names -> hex SHA-256
  std::vector<std::string> odd_names;  // names that may not stand in a release, escaped for display
  std::vector<std::string> empty_folders;  // folders that hold no file
  int newest_verdict = 0;                  // highest number N with verdicts/0001 .. N all there
  bool has_signature() const { return files.contains("model.sig"); }
};

struct ReadLimits {
  uint64_t max_evidence_file_bytes = uint64_t{64} << 20;
  size_t max_files = 100'000;
};

// NotFound: no such folder. InvalidArgument: not a release (neither model/ nor rejected/, no
// verdicts/), or symbolic links, devices, pipes. A release with wrong contents reads well: saying
// what is wrong with it is the gate's work.
StatusOr<Release> ReadRelease(const std::string& path, const ReadLimits& limits = {});

// Everything outside the model folder but verdict `number` and later, as a verdict lists it.
std::vector<evidence::FileFact> ListedFiles(const Release& release, int number);

// The bare twin of a document statement is the predicate's bytes inside the signed payload.
// DataLoss when they differ.
Status CheckTwin(std::string_view payload, std::string_view twin, const std::string& where);

}  // namespace assize::release
