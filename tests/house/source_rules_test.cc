// How a file of the house looks: it opens by saying what it is for, has one subject, and leaves
// nothing open.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "tests/house/source_files.h"

namespace assize::house {
namespace {

constexpr int64_t kMaxLines = 700;

std::vector<SourceFile> Code() { return ReadSources({"lib", "passes", "tools"}); }
std::vector<SourceFile> Everything() {
  return ReadSources({"lib", "passes", "tools", "tests", "benchmarks"});
}

TEST(SourceFiles, OpenWithTheirPurpose) {
  for (const SourceFile& file : Everything()) {
    EXPECT_TRUE(file.text.starts_with("// ")) << file.path << ": no comment in the first line";
  }
}

TEST(SourceFiles, HaveOneSubject) {
  for (const SourceFile& file : Code()) {
    EXPECT_LE(std::count(file.text.begin(), file.text.end(), '\n'), kMaxLines)
        << file.path << ": look for the second subject";
  }
}

TEST(SourceFiles, HeadersAreGuarded) {
  for (const SourceFile& file : Everything()) {
    if (!file.path.ends_with(".h")) continue;
    EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
  }
}

TEST(SourceFiles, LeaveNothingOpen) {
  // Put together here, so that this file passes its own test.
  const std::vector<std::string> words = {std::string("TO") + "DO", std::string("FIX") + "ME",
                                          std::string("XX") + "X", std::string("HA") + "CK"};
  for (const SourceFile& file : Everything()) {
    for (const std::string& word : words) {
      for (size_t at = file.text.find(word); at != std::string::npos;
           at = file.text.find(word, at + 1)) {
        const auto is_word = [&](size_t i) {
          return i < file.text.size() &&
                 (std::isalnum(static_cast<unsigned char>(file.text[i])) != 0 ||
                  file.text[i] == '_');
        };
        // "XXXXXX" of mkstemp is no such word.
        if ((at > 0 && is_word(at - 1)) || is_word(at + word.size())) continue;
        ADD_FAILURE() << file.path << ":"
                      << 1 + std::count(file.text.begin(),
                                        file.text.begin() + static_cast<ptrdiff_t>(at), '\n')
                      << ": " << word;
      }
    }
  }
}

// The opening comment: lines from the first that start with "//".
std::string OpeningComment(const std::string& text) {
  std::string comment;
  for (size_t at = 0; at < text.size() && text.compare(at, 2, "//") == 0;) {
    const size_t end = std::min(text.find('\n', at), text.size());
    comment += text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return comment;
}

TEST(SourceFiles, TheTestsTheyNameExist) {
  const std::filesystem::path root = ASSIZE_SOURCE_DIR;
  for (const SourceFile& file : Code()) {
    const std::string comment = OpeningComment(file.text);
    for (size_t at = comment.find("tests/"); at != std::string::npos;
         at = comment.find("tests/", at + 1)) {
      size_t end = at;
      while (end < comment.size() &&
             (std::isalnum(static_cast<unsigned char>(comment[end])) != 0 || comment[end] == '_' ||
              comment[end] == '/' || comment[end] == '-' || comment[end] == '.')) {
        ++end;
      }
      std::string name = comment.substr(at, end - at);
      if (end < comment.size() && comment[end] == '*') continue;  // a pattern
      while (!name.empty() && name.back() == '.') name.pop_back();
      if (!name.ends_with(".cc") && !name.ends_with(".h")) continue;
      EXPECT_TRUE(std::filesystem::exists(root / name)) << file.path << " names " << name;
    }
  }
}

}  // namespace
}  // namespace assize::house
