// The strict YAML reader: yaml-cpp's events, checked one by one before anything is built. Its
// exceptions and its own tree (first of two equal keys wins, aliases may be cyclic, `yes` is a
// bool) stay out of the house. Typed reading is in yaml_read.cc. Tests: tests/support/yaml_test.cc.
#include "lib/support/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <set>
#include <sstream>

namespace assize {
namespace {

constexpr size_t kMaxYamlBytes = size_t{1} << 20;
constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxNodes = 10000;

// Carries the first refusal out of yaml-cpp's parser, through its frames. Never leaves this file.
struct Refusal {
  YamlPlace place;
  std::string text;
};

Status At(const std::string& origin, YamlPlace place, const std::string& text) {
  return InvalidArgument("{}:{}:{}: {}", origin, place.line, place.column, text);
}

// Length of the UTF-8 sequence at `at`, 0 when it is none (overlong, surrogate, beyond U+10FFFF,
// cut).
size_t Utf8Length(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
    return 0;
  }
  return length;
}

// What must not reach yaml-cpp at all: it guesses encodings and lets some tabs pass as indent.
Status CheckText(std::string_view text, const std::string& origin) {
  if (text.size() > kMaxYamlBytes) {
    return InvalidArgument("{}: {} bytes of YAML, the limit is {}", origin, text.size(),
                           kMaxYamlBytes);
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return At(origin, {1, 1}, "a byte order mark, expected plain UTF-8");
  }
  YamlPlace place{1, 1};
  bool indent = true;
  YamlPlace tab{};
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '\n') {
      place = {place.line + 1, 1};
      indent = true;
      tab = {};
      ++i;
      continue;
    }
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
      return At(origin, place, fmt::format("control character 0x{:02x}", c));
    }
    const size_t length = Utf8Length(text, i);
    if (length == 0) return At(origin, place, fmt::format("byte 0x{:02x} is not valid UTF-8", c));
    if (indent && c == '\t' && tab.line == 0) tab = place;
    if (indent && c != ' ' && c != '\t' && c != '\r') {
      if (tab.line != 0) return At(origin, tab, "a tab as indent, expected spaces");
      indent = false;
    }
    i += length;
    place.column += static_cast<int>(length);
  }
  return OkStatus();
}

std::string Shown(std::string_view text) {
  return text.size() > 60 ? std::string(text.substr(0, 60)) + "..." : std::string(text);
}

}  // namespace

// Builds the tree from the events, refusing what the header lists.
class YamlReader final : public YAML::EventHandler {
 public:
  YamlReader(std::string_view text, const std::string& origin)
      : text_(text), origin_(std::make_shared<const std::string>(origin)) {
    root_.origin_ = origin_;
    root_.place_ = {1, 1};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) Refuse(mark, "a second document, expected one");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    if (ExpectsKey()) Refuse(mark, "null or nothing as key, expected a name");
    Add(Make(mark, YamlNode::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "an alias (*name): aliases are not allowed");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    Refuse(mark, fmt::format("an anchor (&{}): anchors are not allowed", Shown(name)));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    // yaml-cpp says "?" for a plain scalar and "!" for a quoted or block one; but a written "!"
    // looks the same.
    const char first = mark.pos >= 0 && static_cast<size_t>(mark.pos) < text_.size()
                           ? text_[static_cast<size_t>(mark.pos)]
                           : '\0';
    const bool quoted =
        tag == "!" && (first == '"' || first == '\'' || first == '|' || first == '>');
    if (!quoted && tag != "?") RefuseTag(mark, tag);
    if (quoted && !IsClosed(static_cast<size_t>(mark.pos))) {
      Refuse(mark, fmt::format("a quote ({}) that is never closed", first));
    }
    if (ExpectsKey()) {
      if (value == "<<" && !quoted) Refuse(mark, "a merge key (<<): merging is not allowed");
      Frame& frame = stack_.back();
      if (!frame.keys.insert(value).second) {
        Refuse(mark, fmt::format("duplicate key \"{}\"", Shown(value)));
      }
      Count(mark);
      frame.key = value;
      frame.key_place = PlaceOf(mark);
      frame.has_key = true;
      return;
    }
    YamlNode node = Make(mark, YamlNode::Kind::kScalar);
    node.scalar_ = value;
    node.quoted_ = quoted;
    Add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  YamlNode Take() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    std::set<std::string> keys;
    std::string key;
    YamlPlace key_place;
    bool has_key = false;
  };

  static YamlPlace PlaceOf(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }
  [[noreturn]] static void Refuse(const YAML::Mark& mark, const std::string& text) {
    throw Refusal{PlaceOf(mark), text};
  }
  static void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) Refuse(mark, "an anchor (&name): anchors are not allowed");
  }
  [[noreturn]] static void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    Refuse(mark, fmt::format("a tag ({}): tags are not allowed", Shown(tag)));
  }
  // Whether the quoted scalar at `begin` ends before the text does: yaml-cpp takes the end for a
  // quote.
  bool IsClosed(size_t begin) const {
    const char quote = text_[begin];
    if (quote != '"' && quote != '\'') return true;
    for (size_t i = begin + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 == text_.size() || text_[i + 1] != quote) return true;
        ++i;
      }
    }
    return false;
  }
  bool ExpectsKey() const {
    return !stack_.empty() && stack_.back().node.kind_ == YamlNode::Kind::kMap &&
           !stack_.back().has_key;
  }
  void Count(const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes) Refuse(mark, fmt::format("more than {} values", kMaxNodes));
  }
  YamlNode Make(const YAML::Mark& mark, YamlNode::Kind kind) {
    Count(mark);
    YamlNode node;
    node.kind_ = kind;
    node.place_ = PlaceOf(mark);
    node.origin_ = origin_;
    return node;
  }
  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YamlNode::Kind kind) {
    RefuseAnchor(mark, anchor);
    if (tag != "?") RefuseTag(mark, tag);
    if (ExpectsKey()) Refuse(mark, "a list or map as key, expected a name");
    if (stack_.size() >= kMaxDepth) Refuse(mark, fmt::format("nested deeper than {}", kMaxDepth));
    stack_.push_back({});
    stack_.back().node = Make(mark, kind);
  }
  void Close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    Add(std::move(node));
  }
  void Add(YamlNode&& node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind_ == YamlNode::Kind::kSequence) {
      frame.node.items_.push_back(std::move(node));
      return;
    }
    frame.node.members_.emplace_back(std::move(frame.key), std::move(node));
    frame.node.key_places_.push_back(frame.key_place);
    frame.has_key = false;
  }

  std::string_view text_;
  std::shared_ptr<const std::string> origin_;
  YamlNode root_;
  std::vector<Frame> stack_;
  size_t nodes_ = 0;
  int documents_ = 0;
};

StatusOr<YamlNode> ParseYaml(std::string_view text, const std::string& origin) {
  AZ_RETURN_IF_ERROR(CheckText(text, origin));
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    YamlReader reader(text, origin);
    while (parser.HandleNextDocument(reader)) {
    }
    return reader.Take();
  } catch (const Refusal& refusal) {
    return At(origin, refusal.place, refusal.text);
  } catch (const YAML::Exception& error) {
    if (error.mark.is_null()) return InvalidArgument("{}: not YAML: {}", origin, error.msg);
    return At(origin, {error.mark.line + 1, error.mark.column + 1}, "not YAML: " + error.msg);
  } catch (const std::exception& error) {
    return InvalidArgument("{}: not YAML: {}", origin, error.what());
  }
}

}  // namespace assize
