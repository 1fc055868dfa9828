// A regular expression matcher: parse to a tree-free fragment list, run as a set of states
// (Thompson 1968). Tests: tests/reference/numbers_test.cc.
#include "lib/reference/regex.h"

#include <algorithm>

namespace assize::reference {
namespace {

constexpr uint32_t kMaxCodePoint = 0x10ffff;
constexpr size_t kMaxStates = 100'000;
constexpr int kMaxDepth = 200;
constexpr int kMaxRepeat = 1000;  // as RE2

// Next code point of `text` from `at` on; a malformed byte stands for itself.
uint32_t NextPoint(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const uint32_t lead = byte(at);
  const size_t length = lead < 0x80    ? 1
                        : lead >= 0xf0 ? 4
                        : lead >= 0xe0 ? 3
                        : lead >= 0xc0 ? 2
                                       : 1;
  if (length == 1 || at + length > text.size()) {
    ++at;
    return lead;
  }
  uint32_t point = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) {
      ++at;
      return lead;
    }
    point = point << 6 | (byte(at + i) & 0x3f);
  }
  at += length;
  return point;
}

using Ranges = std::vector<std::pair<uint32_t, uint32_t>>;

// The characters of \d, \w and \s (RE2's, ASCII); empty for another letter.
Ranges ClassOf(char letter) {
  switch (letter) {
    case 'd':
    case 'D':
      return {{'0', '9'}};
    case 'w':
    case 'W':
      return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 's':
    case 'S':
      return {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
    default:
      return {};
  }
}

bool IsWord(uint32_t point) {
  const Ranges words = ClassOf('w');
  return std::any_of(words.begin(), words.end(), [&](const auto& range) {
    return point >= range.first && point <= range.second;
  });
}

Ranges Complement(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges out;
  uint32_t next = 0;
  for (const auto& [low, high] : ranges) {
    if (low > next) out.emplace_back(next, low - 1);
    next = std::max(next, high + 1);
  }
  if (next <= kMaxCodePoint) out.emplace_back(next, kMaxCodePoint);
  return out;
}

}  // namespace

// Builds states back to front: each parser returns where its pattern starts, given where to go on.
class RegexParser {
 public:
  RegexParser(const std::string& pattern, Regex& regex) : text_(pattern), regex_(regex) {}

  Status Run() {
    const int accept = New({});
    AZ_ASSIGN_OR_RETURN(regex_.start_, Alternation(0, text_.size(), accept, 0));
    return OkStatus();
  }

 private:
  using State = Regex::State;

  int New(State state) {
    regex_.states_.push_back(std::move(state));
    return static_cast<int>(regex_.states_.size()) - 1;
  }

  Status Bad(std::string_view what) const {
    return InvalidArgument("attribute \"pattern\" is \"{}\": {}", text_.substr(0, 200), what);
  }

  // End of the class or group that starts at `at`.
  StatusOr<size_t> Skip(size_t at, size_t end) const {
    if (text_[at] == '\\') {
      if (at + 1 >= end) return Bad("it ends in a backslash");
      return at + 2;
    }
    if (text_[at] == '[') {
      size_t i = at + 1;
      if (i < end && text_[i] == '^') ++i;
      if (i < end && text_[i] == ']') ++i;
      while (i < end && text_[i] != ']') i += text_[i] == '\\' ? 2 : 1;
      if (i >= end) return Bad("a class has no end");
      return i + 1;
    }
    if (text_[at] == '(') {
      int open = 1;
      size_t i = at + 1;
      while (open > 0) {
        if (i >= end) return Bad("a group has no end");
        if (text_[i] == '(') ++open;
        if (text_[i] == ')') --open;
        if (open > kMaxDepth) return Bad("groups nest too deep");
        if (text_[i] == '(' || text_[i] == ')') {
          ++i;
        } else {
          AZ_ASSIGN_OR_RETURN(i, Skip(i, end));
        }
      }
      return i;
    }
    size_t next = at;
    NextPoint(text_, next);
    return std::min(next, end);
  }

  StatusOr<int> Alternation(size_t begin, size_t end, int next, int depth) {
    if (depth > kMaxDepth) return Bad("groups nest too deep");
    int start = -1;
    size_t from = begin;
    for (size_t at = begin; at <= end;) {
      if (at == end || text_[at] == '|') {
        AZ_ASSIGN_OR_RETURN(const int branch, Concatenation(from, at, next, depth));
        if (start < 0) {
          start = branch;
        } else {
          State split;
          split.kind = State::Kind::kSplit;
          split.next = start;
          split.other = branch;
          start = New(std::move(split));
        }
        from = ++at;
      } else {
        AZ_ASSIGN_OR_RETURN(at, Skip(at, end));
      }
    }
    return start;
  }

  struct Piece {
    size_t begin = 0, end = 0;
    int least = 1, most = 1;  // most -1: no limit
  };

  StatusOr<int> Concatenation(size_t begin, size_t end, int next, int depth) {
    std::vector<Piece> pieces;
    for (size_t at = begin; at < end;) {
      Piece piece;
      piece.begin = at;
      if (text_[at] == '*' || text_[at] == '+' || text_[at] == '?')
        return Bad("a repetition follows nothing");
      if (text_[at] == ')') return Bad("a group has no beginning");
      AZ_ASSIGN_OR_RETURN(piece.end, Skip(at, end));
      at = piece.end;
      AZ_RETURN_IF_ERROR(Repetition(at, end, piece));
      pieces.push_back(piece);
    }
    for (size_t i = pieces.size(); i-- > 0;) {
      AZ_ASSIGN_OR_RETURN(next, Repeated(pieces[i], next, depth));
    }
    return next;
  }

  Status Repetition(size_t& at, size_t end, Piece& piece) const {
    if (at >= end) return OkStatus();
    if (text_[at] == '*' || text_[at] == '+' || text_[at] == '?') {
      piece.least = text_[at] == '+' ? 1 : 0;
      piece.most = text_[at] == '?' ? 1 : -1;
      ++at;
    } else if (text_[at] == '{' && at + 1 < end && text_[at + 1] >= '0' && text_[at + 1] <= '9') {
      size_t i = at + 1;
      const auto number = [&]() -> int {
        int value = 0;
        while (i < end && text_[i] >= '0' && text_[i] <= '9')
          value = std::min(value * 10 + (text_[i++] - '0'), kMaxRepeat + 1);
        return value;
      };
      piece.least = piece.most = number();
      if (i < end && text_[i] == ',') {
        ++i;
        piece.most = i < end && text_[i] == '}' ? -1 : number();
      }
      if (i >= end || text_[i] != '}') return Bad("a count has no end");
      if (piece.least > kMaxRepeat || piece.most > kMaxRepeat ||
          (piece.most >= 0 && piece.most < piece.least)) {
        return Bad("a count is out of range");
      }
      at = i + 1;
    } else {
      return OkStatus();
    }
    if (at < end && text_[at] == '?') ++at;  // lazy: the same strings match
    const bool again = at < end && (text_[at] == '*' || text_[at] == '+' || text_[at] == '?');
    const bool count =
        at + 1 < end && text_[at] == '{' && text_[at + 1] >= '0' && text_[at + 1] <= '9';
    if (again || count) return Bad("a repetition follows a repetition");
    return OkStatus();
  }

  StatusOr<int> Repeated(const Piece& piece, int next, int depth) {
    if (piece.most < 0) {
      State loop;
      loop.kind = State::Kind::kSplit;
      loop.other = next;
      const int at = New(std::move(loop));
      AZ_ASSIGN_OR_RETURN(const int body, Atom(piece, at, depth));
      regex_.states_[static_cast<size_t>(at)].next = body;
      next = at;
    } else {
      for (int i = piece.least; i < piece.most; ++i) {
        AZ_ASSIGN_OR_RETURN(const int body, Atom(piece, next, depth));
        State maybe;
        maybe.kind = State::Kind::kSplit;
        maybe.next = body;
        maybe.other = next;
        next = New(std::move(maybe));
      }
    }
    for (int i = 0; i < piece.least; ++i) {
      AZ_ASSIGN_OR_RETURN(next, Atom(piece, next, depth));
    }
    return next;
  }

  StatusOr<int> Atom(const Piece& piece, int next, int depth) {
    if (regex_.states_.size() > kMaxStates) return Bad("it is too large");
    const char first = text_[piece.begin];
    if (first == '(') return Group(piece, next, depth);
    State state;
    state.next = next;
    if (first == '^' || first == '$') {
      state.kind = first == '^' ? State::Kind::kStart : State::Kind::kEnd;
      return New(std::move(state));
    }
    if (first == '\\' && (text_[piece.begin + 1] == 'b' || text_[piece.begin + 1] == 'B')) {
      state.kind =
          text_[piece.begin + 1] == 'b' ? State::Kind::kBoundary : State::Kind::kNoBoundary;
      return New(std::move(state));
    }
    state.kind = State::Kind::kChar;
    size_t at = piece.begin;
    if (first == '.') {
      state.ranges = Complement({{'\n', '\n'}});
    } else if (first == '[') {
      AZ_ASSIGN_OR_RETURN(state.ranges, Class(piece));
    } else if (first == '\\') {
      AZ_ASSIGN_OR_RETURN(state.ranges, Escape(at));
    } else {
      const uint32_t point = NextPoint(text_, at);
      state.ranges = {{point, point}};
    }
    return New(std::move(state));
  }

  StatusOr<int> Group(const Piece& piece, int next, int depth) {
    size_t begin = piece.begin + 1;
    if (begin < piece.end && text_[begin] == '?') {
      if (text_.compare(begin, 2, "?:") == 0) {
        begin += 2;
      } else if (text_.compare(begin, 3, "?P<") == 0 || text_.compare(begin, 2, "?<") == 0) {
        begin = text_.find('>', begin);
        if (begin >= piece.end) return Bad("a name has no end");
        ++begin;
      } else {
        return Unimplemented("attribute \"pattern\" is \"{}\": flags in groups",
                             text_.substr(0, 200));
      }
    }
    return Alternation(begin, piece.end - 1, next, depth + 1);
  }

  // The characters of the escape at `at`, which moves past it.
  StatusOr<Ranges> Escape(size_t& at) const {
    const char letter = text_[at + 1];
    if (const Ranges ranges = ClassOf(letter); !ranges.empty()) {
      at += 2;
      return letter < 'a' ? Complement(ranges) : ranges;
    }
    uint32_t point = 0;
    switch (letter) {
      case 'n':
        point = '\n';
        break;
      case 't':
        point = '\t';
        break;
      case 'r':
        point = '\r';
        break;
      case 'f':
        point = '\f';
        break;
      case 'v':
        point = '\v';
        break;
      default:
        if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
            (letter >= '0' && letter <= '9')) {
          return Unimplemented("attribute \"pattern\" is \"{}\": the escape \\{}",
                               text_.substr(0, 200), letter);
        }
        ++at;
        point = NextPoint(text_, at);
        return Ranges{{point, point}};
    }
    at += 2;
    return Ranges{{point, point}};
  }

  StatusOr<Ranges> Class(const Piece& piece) const {
    size_t at = piece.begin + 1;
    const size_t end = piece.end - 1;
    const bool negated = at < end && text_[at] == '^';
    if (negated) ++at;
    Ranges ranges;
    while (at < end) {
      if (text_.compare(at, 2, "[:") == 0) {
        return Unimplemented("attribute \"pattern\" is \"{}\": named classes",
                             text_.substr(0, 200));
      }
      Ranges low;
      if (text_[at] == '\\') {
        AZ_ASSIGN_OR_RETURN(low, Escape(at));
      } else {
        const uint32_t point = NextPoint(text_, at);
        low = {{point, point}};
      }
      const bool single = low.size() == 1 && low[0].first == low[0].second;
      if (single && at + 1 < end && text_[at] == '-') {
        ++at;
        Ranges high;
        if (text_[at] == '\\') {
          AZ_ASSIGN_OR_RETURN(high, Escape(at));
        } else {
          const uint32_t point = NextPoint(text_, at);
          high = {{point, point}};
        }
        if (high.size() != 1 || high[0].first != high[0].second || high[0].first < low[0].first) {
          return Bad("a range of a class is empty");
        }
        low[0].second = high[0].first;
      }
      ranges.insert(ranges.end(), low.begin(), low.end());
    }
    return negated ? Complement(std::move(ranges)) : ranges;
  }

  const std::string& text_;
  Regex& regex_;
};

StatusOr<Regex> Regex::Compile(const std::string& pattern) {
  Regex regex;
  RegexParser parser(pattern, regex);
  AZ_RETURN_IF_ERROR(parser.Run());
  return regex;
}

void Regex::Add(int state, const Place& place, std::vector<char>& seen,
                std::vector<int>& list) const {
  std::vector<int> pending{state};
  while (!pending.empty()) {
    const int at = pending.back();
    pending.pop_back();
    if (seen[static_cast<size_t>(at)] != 0) continue;
    seen[static_cast<size_t>(at)] = 1;
    const State& s = states_[static_cast<size_t>(at)];
    switch (s.kind) {
      case State::Kind::kSplit:
        pending.push_back(s.other);
        pending.push_back(s.next);
        break;
      case State::Kind::kStart:
        if (place.at_start) pending.push_back(s.next);
        break;
      case State::Kind::kEnd:
        if (place.at_end) pending.push_back(s.next);
        break;
      case State::Kind::kBoundary:
      case State::Kind::kNoBoundary:
        if ((place.word_before != place.word_after) == (s.kind == State::Kind::kBoundary))
          pending.push_back(s.next);
        break;
      default:
        list.push_back(at);
    }
  }
}

bool Regex::FullMatch(std::string_view text) const {
  std::vector<int> now, then;
  std::vector<char> seen(states_.size(), 0);
  const auto word_at = [&](size_t i) {
    return i < text.size() && IsWord(static_cast<unsigned char>(text[i]));
  };
  Add(start_, {true, text.empty(), false, word_at(0)}, seen, now);
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = NextPoint(text, at);
    std::fill(seen.begin(), seen.end(), 0);
    then.clear();
    for (const int i : now) {
      const State& s = states_[static_cast<size_t>(i)];
      if (s.kind != State::Kind::kChar) continue;
      const bool inside = std::any_of(s.ranges.begin(), s.ranges.end(), [&](const auto& range) {
        return point >= range.first && point <= range.second;
      });
      if (inside) Add(s.next, {false, at >= text.size(), IsWord(point), word_at(at)}, seen, then);
    }
    std::swap(now, then);
    if (now.empty()) return false;
  }
  return std::any_of(now.begin(), now.end(), [&](int i) {
    return states_[static_cast<size_t>(i)].kind == State::Kind::kAccept;
  });
}

}  // namespace assize::reference
