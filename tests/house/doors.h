// The house rules as tables: which room may include which, and where each third-party library may
// be seen. The one place to change when a door is opened; the reasons are on the architecture page.
#pragma once

#include <string>
#include <vector>

namespace assize::house {

// A room is a folder of lib/, or passes, or tools. Every room may include itself; nothing else is
// implied: reaching a room through another one is said here too, where it is wanted.
struct Door {
  std::string room;
  std::vector<std::string> may_include;  // rooms, or single headers
};

inline const std::vector<Door> kDoors = {
    {"support", {}},
    {"ir", {"support"}},
    {"onnx", {"ir", "support"}},
    {"analysis", {"ir", "support", "schemas"}},
    {"verify", {"analysis", "ir", "support"}},
    {"pass", {"verify", "analysis", "ir", "support"}},
    {"reference", {"analysis", "ir", "support"}},
    // Operators without a kernel of their own, and constant parts, run on the reference.
    {"engine", {"reference", "analysis", "ir", "support"}},
    {"train", {"engine", "analysis", "ir", "support"}},
    {"data", {"support"}},
    {"eval", {"data", "support"}},
    {"trust", {"support"}},
    // Of passes only their records, of the IR only digests.
    {"evidence", {"trust", "eval", "support", "lib/pass/record.h", "lib/ir/hash.h"}},
    {"release", {"evidence", "trust", "support"}},
    // A policy's criteria are a recipe's, decided by the evaluation room from signed counts.
    {"policy", {"release", "evidence", "eval", "trust", "recipe", "support"}},
    {"recipe", {"support"}},
    {"flow",
     {"support", "ir", "onnx", "analysis", "verify", "pass", "reference", "engine", "train", "data",
      "eval", "trust", "evidence", "release", "policy", "recipe", "passes"}},
    {"passes", {"pass", "verify", "analysis", "ir", "support"}},
    {"tools", {"flow", "support"}},
};

// Includes that start with one of `prefixes` may stand only below one of `places` (a folder with
// its slash, or the beginning of a file's path).
struct Library {
  std::string name;
  std::vector<std::string> prefixes;
  std::vector<std::string> places;
};

inline const std::vector<Library> kLibraries = {
    {"oneDNN", {"oneapi/", "dnnl"}, {"lib/engine/", "lib/train/"}},
    {"Eigen", {"Eigen/"}, {"lib/support/linalg", "lib/train/"}},
    {"protobuf", {"google/protobuf/"}, {"lib/onnx/"}},
    {"onnx-ml.proto", {"onnx/"}, {"lib/onnx/"}},
    {"yaml-cpp", {"yaml-cpp/"}, {"lib/support/yaml"}},
    {"nlohmann-json", {"nlohmann/"}, {"lib/support/json"}},
    {"valijson", {"valijson/"}, {"lib/support/json"}},
    {"OpenSSL", {"openssl/"}, {"lib/trust/", "lib/support/sha256.cc"}},
    {"abseil's status", {"absl/status/"}, {"lib/support/status.h"}},
    {"abseil's containers", {"absl/container/"}, {"lib/", "passes/", "tools/"}},
    {"fmt", {"fmt/"}, {"lib/", "passes/", "tools/"}},
    {"CLI11", {"CLI/"}, {"tools/"}},
    {"RE2", {"re2/"}, {"lib/data/", "passes/check/"}},
    {"libjpeg-turbo", {"jpeglib.h", "turbojpeg.h"}, {"lib/data/"}},
    {"libpng", {"png.h"}, {"lib/data/"}},
    {"libzip", {"zip.h"}, {"lib/data/", "lib/release/"}},
    {"libarchive", {"archive.h", "archive_entry.h"}, {"lib/data/", "lib/release/"}},
    {"zlib", {"zlib.h"}, {"lib/data/"}},  // gzip-compressed IDX files, checksums of archives
    // One ParallelFor; oneDNN's own threads are OpenMP's. The schema check needs one deep stack.
    {"OpenMP", {"omp.h"}, {"lib/support/parallel.cc", "lib/engine/"}},
    {"threads",
     {"thread", "future", "stop_token", "barrier", "latch"},
     {"lib/support/parallel.cc"}},
    {"POSIX threads", {"pthread.h"}, {"lib/support/json_schema.cc"}},
    // Overflows the stack on long texts: RE2 instead.
    {"std::regex", {"regex"}, {}},
    // Philox instead: std's distributions differ between libraries.
    {"std's random", {"random"}, {}},
    {"vector instructions",
     {"immintrin.h", "emmintrin.h", "arm_neon.h"},
     {"lib/engine/", "lib/reference/"}},
};

// The standard library and what POSIX adds, as far as the house uses them; anything else is a new
// library and wants a row above.
inline const std::vector<std::string> kStandardHeaders = {"algorithm",
                                                          "any",
                                                          "array",
                                                          "atomic",
                                                          "bit",
                                                          "bitset",
                                                          "cctype",
                                                          "cerrno",
                                                          "cfenv",
                                                          "cfloat",
                                                          "charconv",
                                                          "chrono",
                                                          "cinttypes",
                                                          "climits",
                                                          "cmath",
                                                          "compare",
                                                          "complex",
                                                          "concepts",
                                                          "condition_variable",
                                                          "csignal",
                                                          "cstdarg",
                                                          "cstddef",
                                                          "cstdint",
                                                          "cstdio",
                                                          "cstdlib",
                                                          "cstring",
                                                          "ctime",
                                                          "deque",
                                                          "exception",
                                                          "filesystem",
                                                          "fstream",
                                                          "functional",
                                                          "initializer_list",
                                                          "iomanip",
                                                          "ios",
                                                          "iosfwd",
                                                          "iostream",
                                                          "istream",
                                                          "iterator",
                                                          "limits",
                                                          "list",
                                                          "locale",
                                                          "map",
                                                          "memory",
                                                          "mutex",
                                                          "new",
                                                          "numbers",
                                                          "numeric",
                                                          "optional",
                                                          "ostream",
                                                          "queue",
                                                          "ranges",
                                                          "set",
                                                          "shared_mutex",
                                                          "span",
                                                          "sstream",
                                                          "stack",
                                                          "stdexcept",
                                                          "streambuf",
                                                          "string",
                                                          "string_view",
                                                          "system_error",
                                                          "tuple",
                                                          "type_traits",
                                                          "typeindex",
                                                          "typeinfo",
                                                          "unordered_map",
                                                          "unordered_set",
                                                          "utility",
                                                          "variant",
                                                          "vector",
                                                          "version",
                                                          "dirent.h",
                                                          "errno.h",
                                                          "fcntl.h",
                                                          "poll.h",
                                                          "signal.h",
                                                          "spawn.h",
                                                          "sys/file.h",
                                                          "sys/ioctl.h",
                                                          "sys/mman.h",
                                                          "sys/random.h",
                                                          "sys/resource.h",
                                                          "sys/stat.h",
                                                          "sys/types.h",
                                                          "sys/utsname.h",
                                                          "sys/wait.h",
                                                          "termios.h",
                                                          "time.h",
                                                          "unistd.h",
                                                          "cpuid.h"};

// What a file compiled for an instruction set of its own (*_avx2.cc ...) and all it includes may
// include: a template instantiated there could end up in code that must run everywhere.
inline const std::vector<std::string> kInstructionSetHeaders = {"cstddef", "cstdint",
                                                                "immintrin.h"};

}  // namespace assize::house
