// npz: archives that lie, and bytes that NumPy reads back.
#include "lib/data/npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "lib/data/npy.h"
#include "lib/support/files.h"

namespace assize::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string TempFile(const std::string& name) { return ::testing::TempDir() + "assize_" + name; }

void Put(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

// One member of a hand-made archive; every field can lie.
struct Entry {
  std::string name;
  std::string packed;
  uint32_t crc = 0;
  uint64_t size = 0;
  int method = 0;
  int flags = 0;
};

Entry Stored(const std::string& name, const std::string& body) {
  return {name, body,
          static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(body.data()),
                                      static_cast<uInt>(body.size()))),
          body.size()};
}

Entry Deflated(const std::string& name, const std::string& body) {
  Entry entry = Stored(name, body);
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  entry.packed.resize(deflateBound(&stream, body.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(entry.packed.data());
  stream.avail_out = static_cast<uInt>(entry.packed.size());
  deflate(&stream, Z_FINISH);
  entry.packed.resize(stream.total_out);
  deflateEnd(&stream);
  entry.method = 8;
  return entry;
}

std::string Zip(const std::vector<Entry>& entries) {
  std::string out, directory;
  for (const Entry& entry : entries) {
    const uint64_t offset = out.size();
    std::string common;
    Put(common, 20, 2);
    Put(common, static_cast<uint64_t>(entry.flags), 2);
    Put(common, static_cast<uint64_t>(entry.method), 2);
    Put(common, 0x00210000, 4);
    Put(common, entry.crc, 4);
    Put(common, entry.packed.size(), 4);
    Put(common, entry.size, 4);
    Put(common, entry.name.size(), 2);
    Put(common, 0, 2);
    Put(out, 0x04034b50, 4);
    out += common + entry.name + entry.packed;
    Put(directory, 0x02014b50, 4);
    Put(directory, 20, 2);
    directory += common;
    directory.append(10, '\0');  // comment, disk, attributes
    Put(directory, offset, 4);
    directory += entry.name;
  }
  const uint64_t at = out.size();
  out += directory;
  Put(out, 0x06054b50, 4);
  Put(out, 0, 4);
  Put(out, entries.size(), 2);
  Put(out, entries.size(), 2);
  Put(out, directory.size(), 4);
  Put(out, at, 4);
  Put(out, 0, 2);
  return out;
}

// Opens and reads everything.
Status ReadAll(const std::string& bytes, const DataLimits& limits = {}) {
  const std::string path = TempFile("crafted.npz");
  AZ_RETURN_IF_ERROR(WriteFileAtomic(path, bytes));
  return ReadNpz(path, limits).status();
}

TEST(NpzFile, ReadsByMember) {
  const std::string path = TempFile("good.npz");
  const Array x = Array::Of<float>({2, 2}, {1, 2, 3, 4});
  const Array y = Array::Of<int64_t>({2}, {0, 1});
  ASSERT_TRUE(
      WriteFileAtomic(path, Zip({Deflated("x.npy", NpyBytes(x)), Stored("y.npy", NpyBytes(y))}))
          .ok());
  const auto file = NpzFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->names(), ElementsAre("x", "y"));
  EXPECT_THAT((*file)->Read("x")->As<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT((*file)->Read("y")->As<int64_t>(), ElementsAre(0, 1));
  const Status missing = (*file)->Read("labels").status();
  EXPECT_EQ(missing.code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr("it holds x, y"));
  EXPECT_EQ((*file)->digest(), *Sha256OfFile(path));
}

TEST(NpzFile, LiesAreRefused) {
  const std::string body = NpyBytes(Array::Of<uint8_t>({4}, {1, 2, 3, 4}));
  const Entry good = Stored("x.npy", body);
  ASSERT_TRUE(ReadAll(Zip({good})).ok()) << ReadAll(Zip({good}));
  const auto code = [&](const std::function<void(Entry&)>& forge) {
    Entry entry = Deflated("x.npy", body);
    forge(entry);
    return ReadAll(Zip({entry})).code();
  };
  EXPECT_EQ(code([](Entry&) {}), StatusCode::kOk);
  EXPECT_EQ(code([](Entry& e) { e.crc ^= 1; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Entry& e) { e.size -= 1; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Entry& e) { e.size += 1; }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([](Entry& e) { e.flags = 1; }), StatusCode::kInvalidArgument);    // encrypted
  EXPECT_EQ(code([](Entry& e) { e.method = 12; }), StatusCode::kInvalidArgument);  // bzip2
  EXPECT_EQ(code([](Entry& e) { e.packed.resize(3); }), StatusCode::kInvalidArgument);
  for (const char* name :
       {"../x.npy", "/x.npy", "a/../x.npy", "c:x.npy", "a\\x.npy", "x.exe", ""}) {
    EXPECT_EQ(code([&](Entry& e) { e.name = name; }), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(ReadAll(Zip({good, good})).code(), StatusCode::kInvalidArgument);  // a name twice
  EXPECT_EQ(ReadAll("PK\x03\x04 and then nothing").code(), StatusCode::kInvalidArgument);
  const std::string whole = Zip({good});
  for (size_t cut = 0; cut < whole.size(); cut += 7) {
    EXPECT_EQ(ReadAll(whole.substr(0, cut)).code(), StatusCode::kInvalidArgument) << cut;
  }
}

TEST(NpzFile, LimitsHaveNames) {
  const Array zeros = Array::Of<uint8_t>({100'000}, std::vector<uint8_t>(100'000));
  const std::string bomb = Zip({Deflated("x.npy", NpyBytes(zeros))});  // about 1000:1
  EXPECT_TRUE(ReadAll(bomb).ok());  // small enough to be harmless: sorted labels look like this
  const auto refusal = [&](const std::function<void(DataLimits&)>& set) {
    DataLimits limits;
    set(limits);
    const Status status = ReadAll(bomb, limits);
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    return Message(status);
  };
  EXPECT_THAT(refusal([](DataLimits& l) { l.ratio_free_bytes = 1000; }), HasSubstr("max_ratio"));
  EXPECT_THAT(refusal([](DataLimits& l) { l.max_array_bytes = 1000; }),
              HasSubstr("max_array_bytes"));
  EXPECT_THAT(refusal([](DataLimits& l) { l.max_archive_bytes = 1000; }),
              HasSubstr("max_archive_bytes"));
  EXPECT_THAT(refusal([](DataLimits& l) { l.max_members = 0; }), HasSubstr("max_members"));
}

// One packed stream, named by three directory entries.
TEST(NpzFile, OverlappingMembersAreRefused) {
  const Array zeros = Array::Of<uint8_t>({5'000}, std::vector<uint8_t>(5'000));
  const std::string one = Zip({Stored("a.npy", NpyBytes(zeros))});
  const size_t directory = one.find("PK\x01\x02"), end = one.find("PK\x05\x06");
  std::string entry = one.substr(directory, end - directory);
  std::string out = one.substr(0, directory), all = entry;
  for (const char letter : {'b', 'c'}) {
    entry[entry.size() - 5] = letter;
    all += entry;
  }
  out += all;
  Put(out, 0x06054b50, 4);
  Put(out, 0, 4);
  Put(out, 3, 2);
  Put(out, 3, 2);
  Put(out, all.size(), 4);
  Put(out, directory, 4);
  Put(out, 0, 2);
  EXPECT_EQ(ReadAll(out).code(), StatusCode::kInvalidArgument);
}

TEST(WriteNpz, SameArraysSameBytesAndRoundTrip) {
  const std::map<std::string, Array> arrays = {
      {"scores", Array::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6})},
      {"a/b", Array::Of<int64_t>({1}, {-5})}};
  const std::string bytes = *NpzBytes(arrays);
  EXPECT_EQ(bytes, *NpzBytes(arrays));
  const std::string path = TempFile("out.npz");
  ASSERT_TRUE(WriteNpz(path, arrays).ok());
  const auto again = ReadNpz(path);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->at("scores").As<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(again->at("a/b").As<int64_t>(), ElementsAre(-5));
  EXPECT_FALSE(NpzBytes({{"../x", arrays.at("a/b")}}).ok());
}

// NumPy reads what we write, and we read every shape and order that NumPy writes.
TEST(WriteNpz, NumPyAgrees) {
  const std::string python = std::string(ASSIZE_SOURCE_DIR) + "/.deps/oracles/bin/python";
  if (!std::filesystem::exists(python)) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << python << " is missing, and CI=true";
    GTEST_SKIP() << python << " is missing: scripts/setup test makes it";
  }
  ASSERT_TRUE(WriteNpz(TempFile("ours.npz"), {{"f", Array::Of<float>({2, 3}, {0, 1, 2, 3, 4, 5})},
                                          {"i", Array::Of<int64_t>({}, {7})}})
                  .ok());
  const std::string script = fmt::format(
      "import numpy as np\n"
      "z = np.load('{0}')\n"
      "assert (z['f'] == np.arange(6, dtype='f4').reshape(2, 3)).all() and z['f'].dtype == 'f4'\n"
      "assert z['i'] == 7 and z['i'].shape == ()\n"
      "a = np.arange(24).reshape(2, 3, 4)\n"
      "d = {{}}\n"
      "for t in ['?', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8', '>i4', "
      "'>f8', '>u2']:\n"
      "    d['c' + t] = a.astype(t); d['f' + t] = np.asfortranarray(a.astype(t))\n"
      "np.savez_compressed('{1}', **d)\n",
      TempFile("ours.npz"), TempFile("theirs.npz"));
  ASSERT_TRUE(WriteFileAtomic(TempFile("agree.py"), script).ok());
  ASSERT_EQ(std::system(fmt::format("'{}' '{}'", python, TempFile("agree.py")).c_str()), 0);
  const auto theirs = ReadNpz(TempFile("theirs.npz"));
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  ASSERT_EQ(theirs->size(), 30u);
  for (const auto& [name, array] : *theirs) {
    EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 3, 4})) << name;
    for (int64_t i = 0; i < 24; ++i) {
      EXPECT_EQ(array.ValueAt(i), array.dtype == DType::kBool ? i != 0 : i) << name;
    }
  }
}

}  // namespace
}  // namespace assize::data
