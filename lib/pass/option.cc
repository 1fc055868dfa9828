// Options: parsing and checking of given texts against the descriptors. Tests:
// tests/pass/option_test.cc.
#include "lib/pass/option.h"

#include <charconv>
#include <cmath>

#include "lib/support/status.h"
#include "lib/support/suggest.h"

namespace assize::pass {
namespace {

std::string NumberText(double value) { return fmt::format("{}", value); }

std::string RangeText(const OptionDescriptor& d) {
  if (d.min && d.max) return fmt::format("{} to {}", NumberText(*d.min), NumberText(*d.max));
  if (d.min) return fmt::format("at least {}", NumberText(*d.min));
  return fmt::format("at most {}", NumberText(*d.max));
}

std::string Joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

Status CheckRange(const std::string& pass, const OptionDescriptor& d, double value,
                  const std::string& text) {
  const bool below = d.min && value < *d.min;
  const bool above = d.max && value > *d.max;
  if (!below && !above) return OkStatus();
  return UsageError("{}: option \"{}\" is {}, expected {}", pass, d.name, text, RangeText(d));
}

// Parses `text` whole; std::from_chars is independent of the locale.
template <typename T>
bool ParseWhole(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

StatusOr<std::string> Canonical(const std::string& pass, const OptionDescriptor& d,
                                const std::string& text) {
  switch (d.type) {
    case OptionType::kBool:
      if (text == "true" || text == "false") return text;
      return UsageError("{}: option \"{}\" is \"{}\", expected true or false", pass, d.name, text);
    case OptionType::kInt: {
      int64_t value = 0;
      if (!ParseWhole(text, value)) {
        return UsageError("{}: option \"{}\" is \"{}\", expected an integer", pass, d.name, text);
      }
      AZ_RETURN_IF_ERROR(CheckRange(pass, d, static_cast<double>(value), text));
      return std::to_string(value);
    }
    case OptionType::kNumber: {
      double value = 0;
      if (!ParseWhole(text, value) || !std::isfinite(value)) {
        return UsageError("{}: option \"{}\" is \"{}\", expected a finite number", pass, d.name,
                          text);
      }
      AZ_RETURN_IF_ERROR(CheckRange(pass, d, value, text));
      return NumberText(value);
    }
    case OptionType::kChoice:
      for (const std::string& choice : d.choices) {
        if (choice == text) return text;
      }
      return UsageError("{}: option \"{}\" is \"{}\", expected one of {}{}", pass, d.name, text,
                        Joined(d.choices), DidYouMean(text, d.choices));
    case OptionType::kString:
      return text;
  }
  return Internal("{}: option \"{}\" has no type", pass, d.name);
}

}  // namespace

StatusOr<Options> Options::Parse(const std::string& pass,
                                 const std::vector<OptionDescriptor>& descriptors,
                                 const std::vector<std::pair<std::string, std::string>>& given) {
  std::vector<std::string> names;
  for (const OptionDescriptor& d : descriptors) names.push_back(d.name);

  std::map<std::string, std::string> texts;
  for (const auto& [name, text] : given) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      if (names.empty()) return UsageError("{}: takes no options, found \"{}\"", pass, name);
      return UsageError("{}: unknown option \"{}\"{}; it takes {}", pass, name,
                        DidYouMean(name, names), Joined(names));
    }
    if (!texts.emplace(name, text).second) {
      return UsageError("{}: option \"{}\" is given twice", pass, name);
    }
  }

  Options options;
  for (const OptionDescriptor& d : descriptors) {
    auto default_value = Canonical(pass, d, d.default_text);
    AZ_CHECK(default_value.ok(), "default of {}: {}", d.name, Message(default_value.status()));
    std::string value = *default_value;
    if (const auto found = texts.find(d.name); found != texts.end()) {
      AZ_ASSIGN_OR_RETURN(value, Canonical(pass, d, found->second));
    }
    if (value != *default_value) options.given_.emplace_back(d.name, value);
    options.effective_[d.name] = std::move(value);
    options.types_[d.name] = d.type;
  }
  return options;
}

bool Options::Bool(std::string_view name) const {
  const std::string key(name);
  AZ_CHECK(types_.count(key) && types_.at(key) == OptionType::kBool, "no bool option {}", key);
  return effective_.at(key) == "true";
}

int64_t Options::Int(std::string_view name) const {
  const std::string key(name);
  AZ_CHECK(types_.count(key) && types_.at(key) == OptionType::kInt, "no int option {}", key);
  int64_t value = 0;
  ParseWhole(effective_.at(key), value);
  return value;
}

double Options::Number(std::string_view name) const {
  const std::string key(name);
  AZ_CHECK(types_.count(key) && types_.at(key) == OptionType::kNumber, "no number option {}", key);
  double value = 0;
  ParseWhole(effective_.at(key), value);
  return value;
}

const std::string& Options::Text(std::string_view name) const {
  const std::string key(name);
  AZ_CHECK(types_.count(key) &&
               (types_.at(key) == OptionType::kChoice || types_.at(key) == OptionType::kString),
           "no text option {}", key);
  return effective_.at(key);
}

}  // namespace assize::pass
