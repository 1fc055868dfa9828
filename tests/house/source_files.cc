// A scanner for C++ that knows just enough (comments, strings, raw strings, character literals) to
// see includes.
#include "tests/house/source_files.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "lib/support/files.h"
#include "tests/house/doors.h"

namespace assize::house {
namespace {

namespace fs = std::filesystem;

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Include> Run() {
    bool line_start = true;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        line_start = true;
        Step();
      } else if (Starts("//")) {
        SkipLine();
      } else if (Starts("/*")) {
        SkipBlockComment();
      } else if (c == '#' && line_start) {
        Directive();
      } else if (c == '"') {
        line_start = false;
        at_ > 0 && text_[at_ - 1] == 'R' ? SkipRawString() : SkipQuoted('"');
      } else if (c == '\'') {
        line_start = false;
        // 1'000'000 is a number, not a character.
        if (at_ > 0 && IsWord(text_[at_ - 1])) {
          Step();
        } else {
          SkipQuoted('\'');
        }
      } else {
        if (c != ' ' && c != '\t' && c != '\r') line_start = false;
        Step();
      }
    }
    return std::move(includes_);
  }

 private:
  bool Starts(std::string_view part) const { return text_.substr(at_).starts_with(part); }
  void Step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }
  void SkipLine() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  void SkipBlockComment() {
    at_ += 2;
    while (at_ < text_.size() && !Starts("*/")) Step();
    at_ = std::min(at_ + 2, text_.size());
  }
  void SkipQuoted(char quote) {
    Step();
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) Step();
      Step();
    }
    if (at_ < text_.size() && text_[at_] == quote) Step();
  }
  void SkipRawString() {
    const size_t open = text_.find('(', at_);
    if (open == std::string_view::npos) {
      at_ = text_.size();
      return;
    }
    const std::string close = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
    const size_t end = std::min(text_.find(close, open), text_.size());
    while (at_ < end) Step();
    at_ = std::min(at_ + close.size(), text_.size());
  }
  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  void Directive() {
    const int line = line_;
    ++at_;
    SkipBlanks();
    const size_t begin = at_;
    while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name != "include" && name != "include_next" && name != "import") return;
    SkipBlanks();
    const char open = at_ < text_.size() ? text_[at_] : '\n';
    if (open != '<' && open != '"') {
      includes_.push_back({line, false, ""});
      return;
    }
    const size_t end = text_.find_first_of(open == '<' ? ">\n" : "\"\n", at_ + 1);
    if (end == std::string_view::npos || text_[end] == '\n') {
      includes_.push_back({line, false, ""});
      SkipLine();
      return;
    }
    includes_.push_back({line, open == '<', std::string(text_.substr(at_ + 1, end - at_ - 1))});
    at_ = end + 1;
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Include> includes_;
};

// Prefixes ending in a slash or in a word that is cut off match beginnings; whole header names
// match whole.
bool Matches(const std::string& header, const std::string& prefix) {
  if (header == prefix) return true;
  return (prefix.ends_with('/') || prefix == "dnnl") && header.starts_with(prefix);
}

std::string LibraryViolation(const std::string& path, const std::string& header) {
  for (const Library& library : kLibraries) {
    for (const std::string& prefix : library.prefixes) {
      if (!Matches(header, prefix)) continue;
      for (const std::string& place : library.places) {
        if (path.starts_with(place)) return "";
      }
      return "<" + header + ">: " + library.name + " is confined to " +
             (library.places.empty() ? "nowhere" : library.places.front());
    }
  }
  if (std::find(kStandardHeaders.begin(), kStandardHeaders.end(), header) != kStandardHeaders.end())
    return "";
  return "<" + header + ">: a library that no table knows";
}

std::string DoorViolation(const std::string& path, const std::string& header) {
  const std::string from = RoomOf(path), to = RoomOf(header);
  if (to.empty()) return "\"" + header + "\": not a path from the repository's root";
  if (from == to) return "";
  for (const Door& door : kDoors) {
    if (door.room != from) continue;
    for (const std::string& open : door.may_include) {
      if (open == to || open == header) return "";
    }
    return "\"" + header + "\": there is no door from " + from + " to " + to;
  }
  return "\"" + header + "\": the room " + from + " is on no plan";
}

}  // namespace

std::vector<Include> ParseIncludes(std::string_view text) { return Scanner(text).Run(); }

std::string RoomOf(std::string_view path) {
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return "";
  const std::string_view top = path.substr(0, slash);
  if (top == "passes" || top == "tools" || top == "schemas") return std::string(top);
  if (top != "lib") return "";
  const size_t second = path.find('/', slash + 1);
  return second == std::string_view::npos ? ""
                                          : std::string(path.substr(slash + 1, second - slash - 1));
}

std::vector<std::string> Violations(const SourceFile& file) {
  std::vector<std::string> found;
  for (const Include& include : file.includes) {
    std::string text;
    if (include.header.empty()) {
      text = "an include that is no plain name";
    } else if (include.angled || include.header.ends_with(".pb.h")) {
      text = LibraryViolation(file.path, include.header);
    } else {
      text = DoorViolation(file.path, include.header);
    }
    if (!text.empty())
      found.push_back(file.path + ":" + std::to_string(include.line) + ": " + text);
  }
  return found;
}

std::vector<SourceFile> ReadSources(const std::vector<std::string>& folders) {
  std::vector<SourceFile> files;
  const fs::path root = ASSIZE_SOURCE_DIR;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() ||
          (extension != ".cc" && extension != ".h" && extension != ".inc" && extension != ".def")) {
        continue;
      }
      SourceFile file;
      file.path = fs::relative(entry.path(), root).generic_string();
      file.text = ReadFile(entry.path().string()).value();
      file.includes = ParseIncludes(file.text);
      files.push_back(std::move(file));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace assize::house
