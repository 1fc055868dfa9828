// Semantic versions, parsed by hand: the grammar is small and its refusals should teach.
#include "lib/release/version.h"

#include <algorithm>

namespace assize::release {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsIdentifier(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

Status Wrong(std::string_view text, const std::string& why) {
  return InvalidArgument("version \"{}\": {}; expected a semantic version such as 1.0.0",
                         text.substr(0, 70), why);
}

StatusOr<uint64_t> Number(std::string_view part, std::string_view text) {
  if (part.empty()) return Wrong(text, "a number is missing");
  if (part.size() > 1 && part[0] == '0')
    return Wrong(text, fmt::format("\"{}\" has a leading zero", part));
  if (part.size() > 18 || !std::all_of(part.begin(), part.end(), IsDigit)) {
    return Wrong(text, fmt::format("\"{}\" is no number", part));
  }
  uint64_t value = 0;
  for (char c : part) value = value * 10 + static_cast<uint64_t>(c - '0');
  return value;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t start = 0;
  while (true) {
    const size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::strong_ordering CompareIdentifiers(const std::string& a, const std::string& b) {
  const bool a_number = std::all_of(a.begin(), a.end(), IsDigit);
  const bool b_number = std::all_of(b.begin(), b.end(), IsDigit);
  if (a_number && b_number) {
    // No leading zeros: the longer number is the larger one.
    if (a.size() != b.size()) return a.size() <=> b.size();
    return a.compare(b) <=> 0;
  }
  if (a_number != b_number) {
    return a_number ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return a.compare(b) <=> 0;
}

}  // namespace

StatusOr<Version> Version::Parse(std::string_view text) {
  if (text.size() > 64) return Wrong(text, "longer than 64 characters");
  Version version;
  version.text = std::string(text);
  std::string_view rest = text;
  if (const size_t plus = rest.find('+'); plus != std::string_view::npos) {
    version.build = std::string(rest.substr(plus + 1));
    for (std::string_view part : Split(version.build, '.')) {
      if (part.empty() || !std::all_of(part.begin(), part.end(), IsIdentifier)) {
        return Wrong(text, "the build part is not made of [0-9A-Za-z-] identifiers");
      }
    }
    rest = rest.substr(0, plus);
  }
  if (const size_t dash = rest.find('-'); dash != std::string_view::npos) {
    for (std::string_view part : Split(rest.substr(dash + 1), '.')) {
      if (part.empty() || !std::all_of(part.begin(), part.end(), IsIdentifier)) {
        return Wrong(text, "the pre-release part is not made of [0-9A-Za-z-] identifiers");
      }
      if (part.size() > 1 && part[0] == '0' && std::all_of(part.begin(), part.end(), IsDigit)) {
        return Wrong(text, fmt::format("\"{}\" has a leading zero", part));
      }
      version.pre.emplace_back(part);
    }
    rest = rest.substr(0, dash);
  }
  const std::vector<std::string_view> parts = Split(rest, '.');
  if (parts.size() != 3) return Wrong(text, fmt::format("{} numbers instead of 3", parts.size()));
  AZ_ASSIGN_OR_RETURN(version.major, Number(parts[0], text));
  AZ_ASSIGN_OR_RETURN(version.minor, Number(parts[1], text));
  AZ_ASSIGN_OR_RETURN(version.patch, Number(parts[2], text));
  return version;
}

std::strong_ordering Version::Compare(const Version& other) const {
  if (auto order = major <=> other.major; order != 0) return order;
  if (auto order = minor <=> other.minor; order != 0) return order;
  if (auto order = patch <=> other.patch; order != 0) return order;
  if (pre.empty() != other.pre.empty()) {
    return pre.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  for (size_t i = 0; i < std::min(pre.size(), other.pre.size()); ++i) {
    if (auto order = CompareIdentifiers(pre[i], other.pre[i]); order != 0) return order;
  }
  return pre.size() <=> other.pre.size();
}

Status CheckName(std::string_view name) {
  const auto good = [](char c) { return IsIdentifier(c) || c == '_' || c == '.'; };
  if (name.empty() || name.size() > 100 || name[0] == '-' || name[0] == '.' ||
      !std::all_of(name.begin(), name.end(), good)) {
    std::string shown;
    for (char c : name.substr(0, 100)) shown += c >= 0x20 && c < 0x7f ? c : '?';
    return InvalidArgument(
        "release name \"{}\": expected at most 100 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\", not "
        "beginning with \"-\" or \".\"",
        shown);
  }
  return OkStatus();
}

}  // namespace assize::release
