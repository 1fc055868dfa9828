// Strict reading of our own statements' JSON: closed sets of members, whole numbers, finite
// numbers. Private to the evaluation room. Tests: tests/eval/report_test.cc.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "lib/support/json.h"
#include "lib/support/suggest.h"

namespace assize::eval {

inline Status CheckMembers(const Json& json, const std::string& where,
                           const std::vector<std::string>& known) {
  if (!json.is_object()) return InvalidArgument("{}: expected an object", where);
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return InvalidArgument("{}: unknown member \"{}\"{}", where, key, DidYouMean(key, known));
    }
  }
  return OkStatus();
}

inline StatusOr<double> FiniteNumber(const Json& json, const std::string& member,
                                     const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const double value, JsonNumber(json, member, where));
  if (!std::isfinite(value)) return InvalidArgument("{}/{}: not finite", where, member);
  return value;
}

inline StatusOr<uint64_t> UnsignedNumber(const Json& json, const std::string& member,
                                         const std::string& where) {
  const auto found = json.find(member);
  if (found == json.end() || !found->is_number_integer() ||
      (!found->is_number_unsigned() && found->get<int64_t>() < 0)) {
    return InvalidArgument("{}/{}: expected a whole number from 0 on", where, member);
  }
  return found->get<uint64_t>();
}

inline StatusOr<std::optional<double>> OptionalNumber(const Json& json, const std::string& member,
                                                      const std::string& where) {
  if (!json.contains(member)) return std::optional<double>();
  AZ_ASSIGN_OR_RETURN(const double value, FiniteNumber(json, member, where));
  return std::optional<double>(value);
}

}  // namespace assize::eval
