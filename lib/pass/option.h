// Typed options of a pass: descriptors that feed the parser, --help, the docs page and the recipe
// schema. Tests: tests/pass/option_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/support/status.h"

namespace assize::pass {

enum class OptionType { kBool, kInt, kNumber, kChoice, kString };

struct OptionDescriptor {
  std::string name;  // kebab-case
  OptionType type = OptionType::kString;
  std::string default_text = {};
  std::string summary = {};                  // one line; units where there are some
  std::optional<double> min = {}, max = {};  // kInt, kNumber: inclusive range
  std::vector<std::string> choices = {};     // kChoice
};

// The effective options of one pass instance: every descriptor has a value. Values are kept as
// canonical text.
class Options {
 public:
  Options() = default;
  // Fills defaults, checks names (nearest name), types and ranges: UsageError naming pass and
  // option.
  static StatusOr<Options> Parse(const std::string& pass,
                                 const std::vector<OptionDescriptor>& descriptors,
                                 const std::vector<std::pair<std::string, std::string>>& given);
  bool Bool(
      std::string_view name) const;  // these trap when the name or type is not the descriptor's
  int64_t Int(std::string_view name) const;
  double Number(std::string_view name) const;
  const std::string& Text(std::string_view name) const;  // kChoice, kString
  // name -> canonical text, every default written out.
  const std::map<std::string, std::string>& effective() const { return effective_; }
  // Only what differs from the defaults, in descriptor order: the pipeline text's `{k=v,...}`.
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }

 private:
  std::map<std::string, std::string> effective_;
  std::map<std::string, OptionType> types_;
  std::vector<std::pair<std::string, std::string>> given_;
};

}  // namespace assize::pass
