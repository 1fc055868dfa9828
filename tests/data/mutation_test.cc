// Thousands of damaged files: every reader answers with a status, whatever the bytes (run under the
// sanitizers too). Seeds are fixed; a failure prints the format and the round.
#include <gtest/gtest.h>

#include <fstream>

#include "lib/data/csv.h"
#include "lib/data/idx.h"
#include "lib/data/npy.h"
#include "lib/data/npz.h"
#include "lib/support/random.h"

namespace assize::data {
namespace {

std::string Mutate(std::string bytes, uint64_t round) {
  Philox random(2026, round);
  const uint64_t changes = 1 + random.NextBelow(4);
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = static_cast<size_t>(random.NextBelow(bytes.size()));
    switch (random.NextBelow(5)) {
      case 0:
        bytes[at] = static_cast<char>(random.NextBelow(256));
        break;
      case 1:
        bytes[at] = random.NextBelow(2) == 0 ? '\0' : '\xff';
        break;
      case 2:
        bytes.erase(at, 1 + static_cast<size_t>(random.NextBelow(8)));
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, 1 + static_cast<size_t>(random.NextBelow(16))));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

// What is accepted must be whole: its bytes are the shape's and all can be read.
int Accept(const StatusOr<Array>& array, const std::string& format, uint64_t round) {
  if (!array.ok()) {
    EXPECT_TRUE(array.status().code() == StatusCode::kInvalidArgument ||
                array.status().code() == StatusCode::kResourceExhausted)
        << format << " round " << round << ": " << array.status();
    EXPECT_FALSE(array.status().message().empty());
    return 0;
  }
  double sum = 0;
  for (int64_t i = 0; i < array->size(); ++i) sum += array->ValueAt(i) == 0 ? 0 : 1;
  EXPECT_LE(sum, static_cast<double>(array->size()));
  return 1;
}

TEST(Mutations, EveryReaderAnswersWithAStatus) {
  const Array array = Array::Of<int16_t>({3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const std::string npy = NpyBytes(array);
  const std::string npz = *NpzBytes({{"x", array}, {"y", Array::Of<float>({2}, {1, 2})}});
  const std::string idx(
      "\0\0\x0b\x02\0\0\0\x02\0\0\0\x03"
      "abcdefghijkl",
      24);
  const std::string csv = "a,\"b\",c\r\n1,2.5,-3e4\r\n\"4\",5,6\r\n";
  const std::string path = ::testing::TempDir() + "assize_mutation.npz";
  int accepted = 0;
  for (uint64_t round = 0; round < 3000; ++round) {
    const std::string bad_npy = Mutate(npy, round), bad_idx = Mutate(idx, round);
    accepted += Accept(ParseNpy(std::as_bytes(std::span(bad_npy)), nullptr, "m"), "npy", round);
    accepted += Accept(ParseIdx(std::as_bytes(std::span(bad_idx)), "m"), "idx", round);
    const StatusOr<CsvTable> table = CsvTable::Parse(Mutate(csv, round), "m");
    if (table.ok()) accepted += Accept(table->Numbers(table->columns()), "csv", round);
    if (round % 5 != 0) continue;
    std::ofstream(path, std::ios::binary) << Mutate(npz, round);
    const StatusOr<std::shared_ptr<const NpzFile>> file = NpzFile::Open(path);
    if (!file.ok()) {
      EXPECT_NE(file.status().code(), StatusCode::kInternal) << file.status();
      continue;
    }
    for (const std::string& name : (*file)->names()) {
      accepted += Accept((*file)->Read(name), "npz", round);
    }
  }
  // Some changes hit only values: without any acceptance nothing beyond the magic would have been
  // exercised.
  EXPECT_GT(accepted, 300);
}

}  // namespace
}  // namespace assize::data
