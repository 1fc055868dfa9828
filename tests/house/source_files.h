// Reading the tree's own sources: which files there are, what they include, how they begin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assize::house {

struct Include {
  int line = 0;
  bool angled = false;  // <...>
  std::string header;   // empty: not a plain include (a macro)
};

struct SourceFile {
  std::string path;  // from the repository's root
  std::string text;
  std::vector<Include> includes;
};

// Includes of a text, wherever the preprocessor would see one: not in comments, strings or raw
// strings.
std::vector<Include> ParseIncludes(std::string_view text);

// All .cc, .h, .inc and .def files below these folders of the repository, sorted by path.
std::vector<SourceFile> ReadSources(const std::vector<std::string>& folders);

// "eval" of lib/eval/x.h, "passes" of passes/fuse/x.cc, "schemas" of schemas/x.inc; empty for
// anything else.
std::string RoomOf(std::string_view path);

// What the doors and the libraries' places say against this file; empty: nothing.
std::vector<std::string> Violations(const SourceFile& file);

}  // namespace assize::house
