// The strict JSON reader, the writers and the typed accessors. Parsing is by callbacks, so that
// duplicate keys and depth are refused while reading and nlohmann's exceptions are never thrown.
// Tests: tests/support/json_test.cc.
#include "lib/support/json.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <limits>
#include <set>

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace assize {
namespace {

// Walks the text and lets others see how far: nlohmann's callbacks carry no position of their own.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** seen = nullptr;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    ++at;
    *seen = at;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
  bool operator!=(const CountingIterator& other) const { return at != other.at; }
};

// "line 3, column 7" of a byte.
std::string PlaceOf(std::string_view text, size_t byte) {
  byte = std::min(byte, text.size());
  const size_t line = 1 + static_cast<size_t>(std::count(
                              text.begin(), text.begin() + static_cast<ptrdiff_t>(byte), '\n'));
  const size_t newline = byte == 0 ? std::string_view::npos : text.rfind('\n', byte - 1);
  const size_t column = newline == std::string_view::npos ? byte + 1 : byte - newline;
  return fmt::format("line {}, column {}", line, column);
}

// Text of others in a message: short, printable.
std::string Shown(std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, 60)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 60 ? shown + "..." : shown;
}

class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(size_t max_depth, const std::string& origin) : max_depth_(max_depth), origin_(origin) {}

  bool null() override { return Add(Json(nullptr)); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override { return Add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return Add(Json(value)); }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return Fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& value) override {
    if (!keys_.back().insert(value).second)
      return Fail(fmt::format("duplicate key \"{}\"", Shown(value)));
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string text = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: " is said in our own
    // words.
    if (const size_t colon = text.find(": "); colon != std::string::npos)
      text = text.substr(colon + 2);
    if (text.size() > 300) text = text.substr(0, 300) + "...";
    for (char& c : text) {
      if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) < 0x20) c = '?';
    }
    byte_ = position == 0 ? 0 : position - 1;
    has_byte_ = position != 0;
    return Fail(text);
  }

  Json Take() { return std::move(root_); }
  const std::string& failure() const { return failure_; }
  bool has_byte() const { return has_byte_; }
  size_t byte() const { return byte_; }

 private:
  Json* Place(Json&& value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    // The key is known to be new: append without ordered_map's linear search.
    auto& members = parent.get_ref<Json::object_t&>();
    static_cast<Json::object_t::Container&>(members).emplace_back(std::move(key_),
                                                                  std::move(value));
    return &members.back().second;
  }
  bool Add(Json&& value) {
    Place(std::move(value));
    return true;
  }
  bool Open(Json&& value) {
    if (stack_.size() >= max_depth_) {
      return Fail(fmt::format("nested deeper than the limit max_depth, {}", max_depth_));
    }
    // Parents do not move while a child is open: a container grows only at its last, closed
    // element.
    stack_.push_back(Place(std::move(value)));
    keys_.emplace_back();
    return true;
  }
  bool Close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }
  bool Fail(const std::string& text) {
    failure_ = text;
    return false;
  }

  size_t max_depth_;
  std::string origin_;
  Json root_;
  std::string key_;
  std::vector<Json*> stack_;
  std::vector<std::set<std::string>> keys_;
  std::string failure_;
  size_t byte_ = 0;
  bool has_byte_ = false;
};

std::string KindOf(const Json& value) {
  if (value.is_number_integer()) return fmt::format("the integer {}", value.dump());
  if (value.is_number()) return fmt::format("the number {}", value.dump());
  if (value.is_string())
    return fmt::format("the string \"{}\"", Shown(value.get_ref<const std::string&>()));
  return value.type_name();
}

StatusOr<const Json*> Member(const Json& object, const std::string& member,
                             const std::string& where, const char* expected) {
  if (!object.is_object()) {
    return InvalidArgument("{}: found {}, expected an object with \"{}\"", where, KindOf(object),
                           member);
  }
  const auto found = object.find(member);
  if (found == object.end()) {
    return InvalidArgument("{}: member \"{}\" is missing, expected {}", where, member, expected);
  }
  return &*found;
}

Status WrongType(const Json& value, const std::string& member, const std::string& where,
                 const char* expected) {
  return InvalidArgument("{}/{}: found {}, expected {}", where, member, KindOf(value), expected);
}

}  // namespace

StatusOr<Json> ParseJson(std::string_view text, const std::string& origin,
                         const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return InvalidArgument("{}: {} bytes of JSON, the limit max_bytes is {}", origin, text.size(),
                           limits.max_bytes);
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return InvalidArgument("{}: starts with a byte order mark, expected plain UTF-8", origin);
  }
  // nlohmann takes a NUL for the end of the text; what follows it would go unread.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return InvalidArgument("{}: {}: a NUL byte", origin, PlaceOf(text, nul));
  }
  Builder builder(limits.max_depth, origin);
  const char* seen = text.data();
  const CountingIterator begin{text.data(), &seen}, end{text.data() + text.size(), &seen};
  if (!Json::sax_parse(begin, end, &builder)) {
    const size_t consumed = static_cast<size_t>(seen - text.data());
    const size_t byte = builder.has_byte() ? builder.byte() : (consumed == 0 ? 0 : consumed - 1);
    return InvalidArgument("{}: {}: {}", origin, PlaceOf(text, byte), builder.failure());
  }
  return builder.Take();
}

// Bytes that are no UTF-8 (a hostile name quoted in a message) become U+FFFD instead of an
// exception.
std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DumpPrettyJson(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

StatusOr<std::string> JsonString(const Json& object, const std::string& member,
                                 const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "a string"));
  if (!value->is_string()) return WrongType(*value, member, where, "a string");
  return value->get_ref<const std::string&>();
}

StatusOr<int64_t> JsonInt(const Json& object, const std::string& member, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "an integer"));
  if (value->is_number_unsigned()) {
    const uint64_t number = value->get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return WrongType(*value, member, where, "an integer below 2^63");
    }
    return static_cast<int64_t>(number);
  }
  if (!value->is_number_integer()) return WrongType(*value, member, where, "an integer");
  return value->get<int64_t>();
}

StatusOr<double> JsonNumber(const Json& object, const std::string& member,
                            const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "a number"));
  if (!value->is_number()) return WrongType(*value, member, where, "a number");
  return value->get<double>();
}

StatusOr<bool> JsonBool(const Json& object, const std::string& member, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "true or false"));
  if (!value->is_boolean()) return WrongType(*value, member, where, "true or false");
  return value->get<bool>();
}

StatusOr<const Json*> JsonObject(const Json& object, const std::string& member,
                                 const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "an object"));
  if (!value->is_object()) return WrongType(*value, member, where, "an object");
  return value;
}

StatusOr<const Json*> JsonArray(const Json& object, const std::string& member,
                                const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json* value, Member(object, member, where, "an array"));
  if (!value->is_array()) return WrongType(*value, member, where, "an array");
  return value;
}

}  // namespace assize
