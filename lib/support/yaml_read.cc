// Typed reading of a YAML tree, and writing JSON values as YAML. Tests: tests/support/yaml_test.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "lib/support/suggest.h"
#include "lib/support/yaml.h"

namespace assize {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// -?(0|[1-9][0-9]*)
bool LooksLikeInt(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return false;
  return std::all_of(text.begin(), text.end(), IsDigit);
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?
bool LooksLikeNumber(std::string_view text) {
  size_t at = 0;
  auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const size_t first = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

// The double nearest to a text of LooksLikeNumber's form; false when it overflows.
bool ToDouble(std::string_view text, double& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && std::isfinite(value);
}

bool ToInt(std::string_view text, int64_t& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

std::string Found(const YamlNode& node) {
  switch (node.kind()) {
    case YamlNode::Kind::kNull:
      return "nothing (null)";
    case YamlNode::Kind::kSequence:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  const std::string text =
      node.scalar().size() > 60 ? node.scalar().substr(0, 60) + "..." : node.scalar();
  return node.quoted() ? fmt::format("the string \"{}\"", text) : fmt::format("\"{}\"", text);
}

Status Mismatch(const YamlNode& node, const std::string& what, const char* expected) {
  return node.Error(fmt::format("{}: found {}, expected {}", what, Found(node), expected));
}

// Whether other readers could take the plain text for something else than this very string.
bool MayStayPlain(const std::string& text) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || text.back() == ' ' ||
      !(letter(text[0]) || text[0] == '_' || text[0] == '/')) {
    return false;
  }
  for (char c : text) {
    if (!letter(c) && !IsDigit(c) &&
        std::string_view("_./+-<>@= ").find(c) == std::string_view::npos) {
      return false;
    }
  }
  std::string lower;
  for (char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  static constexpr std::array<std::string_view, 9> kReserved = {
      "true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  return std::find(kReserved.begin(), kReserved.end(), lower) == kReserved.end();
}

std::string ScalarText(const Json& value) {
  if (value.is_string() && MayStayPlain(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  std::string text = DumpJson(value);  // JSON's double-quoted strings are YAML's
  for (size_t at = text.find('\x7f'); at != std::string::npos; at = text.find('\x7f', at)) {
    text.replace(at, 1, "\\x7f");
  }
  return text;
}

bool IsBlock(const Json& value) { return value.is_structured() && !value.empty(); }

// Writes `value` as lines at `indent`; the caller has written the indent of the first line already.
void WriteBlock(const Json& value, size_t indent, std::string& out) {
  bool first = true;
  auto begin_line = [&] {
    if (!first) out.append(indent, ' ');
    first = false;
  };
  if (value.is_array()) {
    for (const Json& item : value) {
      begin_line();
      out += "- ";
      if (IsBlock(item)) {
        WriteBlock(item, indent + 2, out);
      } else {
        out += ScalarText(item) + "\n";
      }
    }
    return;
  }
  for (const auto& [key, member] : value.items()) {
    begin_line();
    out += ScalarText(Json(key)) + ":";
    if (IsBlock(member)) {
      out += "\n";
      out.append(indent + 2, ' ');
      WriteBlock(member, indent + 2, out);
    } else {
      out += " " + ScalarText(member) + "\n";
    }
  }
}

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, node] : members_) {
    if (name == key) return &node;
  }
  return nullptr;
}

Status YamlNode::Error(const std::string& text) const {
  return InvalidArgument("{}:{}:{}: {}", origin_ == nullptr ? "yaml" : *origin_, place_.line,
                         place_.column, text);
}

StatusOr<std::string> YamlNode::AsString(const std::string& what) const {
  if (kind_ != Kind::kScalar) return Mismatch(*this, what, "a string");
  return scalar_;
}

StatusOr<bool> YamlNode::AsBool(const std::string& what) const {
  if (kind_ == Kind::kScalar && !quoted_ && scalar_ == "true") return true;
  if (kind_ == Kind::kScalar && !quoted_ && scalar_ == "false") return false;
  return Mismatch(*this, what, "true or false");
}

StatusOr<int64_t> YamlNode::AsInt(const std::string& what) const {
  int64_t value = 0;
  if (kind_ != Kind::kScalar || quoted_ || !LooksLikeInt(scalar_)) {
    return Mismatch(*this, what, "an integer in decimal digits");
  }
  if (!ToInt(scalar_, value)) return Mismatch(*this, what, "an integer of at most 64 bits");
  return value;
}

StatusOr<double> YamlNode::AsNumber(const std::string& what) const {
  if (kind_ == Kind::kScalar && !quoted_) {
    double value = 0;
    if (LooksLikeNumber(scalar_)) {
      if (ToDouble(scalar_, value)) return value;
      return Mismatch(*this, what, "a number that a double can hold");
    }
    const size_t slash = scalar_.find('/');
    if (slash != std::string::npos) {
      const std::string_view above = std::string_view(scalar_).substr(0, slash);
      const std::string_view below = std::string_view(scalar_).substr(slash + 1);
      double divisor = 0;
      if (LooksLikeNumber(above) && LooksLikeNumber(below) && ToDouble(above, value) &&
          ToDouble(below, divisor) && divisor != 0 && std::isfinite(value / divisor)) {
        return value / divisor;
      }
    }
  }
  return Mismatch(*this, what, "a number (0.5, 1e-3) or a fraction (1/255)");
}

Status YamlNode::CheckKeys(const std::string& what, const std::vector<std::string>& known) const {
  if (kind_ != Kind::kMap) return Mismatch(*this, what, "a map");
  for (size_t i = 0; i < members_.size(); ++i) {
    const std::string& key = members_[i].first;
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string hint = DidYouMean(key, known);
    if (hint.empty()) {
      for (const std::string& name : known)
        hint += (hint.empty() ? ", expected one of " : ", ") + name;
    }
    const std::string shown = key.size() > 60 ? key.substr(0, 60) + "..." : key;
    return InvalidArgument("{}:{}:{}: {}: unknown key \"{}\"{}", *origin_, key_places_[i].line,
                           key_places_[i].column, what, shown, hint);
  }
  return OkStatus();
}

Json YamlNode::ToJson() const {
  switch (kind_) {
    case Kind::kNull:
      return nullptr;
    case Kind::kSequence: {
      Json list = Json::array();
      for (const YamlNode& item : items_) list.push_back(item.ToJson());
      return list;
    }
    case Kind::kMap: {
      Json object = Json::object();
      for (const auto& [key, member] : members_) object[key] = member.ToJson();
      return object;
    }
    case Kind::kScalar:
      break;
  }
  if (quoted_) return scalar_;
  if (scalar_ == "true") return true;
  if (scalar_ == "false") return false;
  int64_t whole = 0;
  double number = 0;
  if (LooksLikeInt(scalar_) && ToInt(scalar_, whole)) return whole;
  if (LooksLikeNumber(scalar_) && ToDouble(scalar_, number)) return number;
  return scalar_;
}

std::string DumpYaml(const Json& value) {
  if (!IsBlock(value)) return ScalarText(value) + "\n";
  std::string out;
  WriteBlock(value, 0, out);
  return out;
}

}  // namespace assize
