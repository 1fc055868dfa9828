// NumPy's archives (.npz): a zip of .npy members. Reading is lazy, by member, under limits.h;
// writing is deterministic (stored, sorted by name, one fixed time stamp). Tests:
// tests/data/npz_test.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/data/array.h"
#include "lib/data/limits.h"
#include "lib/support/sha256.h"

namespace assize::data {

class NpzFile {
 public:
  // Maps the file and checks its directory: member count, names (no duplicate, absolute or ".."
  // name), declared sizes, ratio, no encryption, no overlap. Arrays are unpacked by Read.
  static StatusOr<std::shared_ptr<const NpzFile>> Open(const std::string& path,
                                                       const DataLimits& limits = {});
  ~NpzFile();
  NpzFile(const NpzFile&) = delete;
  NpzFile& operator=(const NpzFile&) = delete;

  const std::vector<std::string>& names() const;  // without ".npy", in file order
  bool Has(const std::string& name) const;
  // NotFound lists the names there are. The CRC is checked (DataLoss is not used: InvalidArgument).
  StatusOr<Array> Read(const std::string& name) const;
  const Digest& digest() const;  // SHA-256 of the whole file

 private:
  struct Impl;
  explicit NpzFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

StatusOr<std::map<std::string, Array>> ReadNpz(const std::string& path,
                                               const DataLimits& limits = {});
// The archive's bytes. ResourceExhausted from 4 GiB on (no zip64).
StatusOr<std::string> NpzBytes(const std::map<std::string, Array>& arrays);
// Atomic.
Status WriteNpz(const std::string& path, const std::map<std::string, Array>& arrays);

}  // namespace assize::data
