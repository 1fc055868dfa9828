// Strict YAML on top of yaml-cpp: the only way a YAML text enters the program.
//
// Refused with origin, line and column: duplicate keys, aliases and anchors, tags, merge keys,
// several documents, tabs as indent, NUL or invalid UTF-8, depth above 64, more than 10,000 nodes,
// more than 1 MiB. Scalars follow YAML 1.2's core schema as the *reader* asks (AsBool takes only
// true/false, AsInt only decimal digits ...), so `yes`, `010` and `.inf` are never guessed at.
// Tests: tests/support/yaml_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/status.h"

namespace assize {

struct YamlPlace {
  int line = 0;    // 1-based
  int column = 0;  // 1-based
};

class YamlNode {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMap };
  Kind kind() const { return kind_; }
  YamlPlace place() const { return place_; }
  const std::string& scalar() const { return scalar_; }  // raw text of a scalar
  bool quoted() const { return quoted_; }                // a quoted scalar is only ever a string
  const std::vector<YamlNode>& items() const { return items_; }
  const std::vector<std::pair<std::string, YamlNode>>& members() const {
    return members_;
  }  // in file order
  YamlPlace key_place(size_t member) const { return key_places_[member]; }
  const YamlNode* Find(std::string_view key) const;  // null when absent or not a map
  // "recipe.yaml:4:7: <text>" as InvalidArgument.
  Status Error(const std::string& text) const;
  const std::string& origin() const { return *origin_; }

  // Typed reading; `what` names the value in errors ("release.version").
  StatusOr<std::string> AsString(const std::string& what) const;
  StatusOr<bool> AsBool(const std::string& what) const;
  StatusOr<int64_t> AsInt(const std::string& what) const;
  // Decimal or scientific; also an exact fraction `a/b` (scale: 1/255). Finite only.
  StatusOr<double> AsNumber(const std::string& what) const;
  // Refuses members whose key is not in `known`, with the nearest name.
  Status CheckKeys(const std::string& what, const std::vector<std::string>& known) const;
  // The same tree as JSON: null, true/false, decimal integers and numbers in JSON's form; all else,
  // also what is quoted, stays a string.
  Json ToJson() const;

 private:
  friend class YamlReader;
  Kind kind_ = Kind::kNull;
  YamlPlace place_;
  bool quoted_ = false;
  std::string scalar_;
  std::vector<YamlNode> items_;
  std::vector<std::pair<std::string, YamlNode>> members_;
  std::vector<YamlPlace> key_places_;
  std::shared_ptr<const std::string> origin_;
};

StatusOr<YamlNode> ParseYaml(std::string_view text, const std::string& origin);

// Writes `value` as block YAML that ParseYaml reads back to the same tree (strings quoted where
// they must be).
std::string DumpYaml(const Json& value);

}  // namespace assize
