// JSON, strict on the way in. `Json` keeps the order of its members, so what we write is
// reproducible.
//
// The only header of the tree that shows nlohmann-json. Accessors below return a Status with a JSON
// pointer instead of throwing; use them for anything that was read. Tests:
// tests/support/json_test.cc.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lib/support/status.h"

extern template class nlohmann::basic_json<nlohmann::ordered_map>;  // compiled once, in json.cc

namespace assize {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t max_bytes = 64u << 20;
  size_t max_depth = 64;
};

// Parses all of `text` (UTF-8, no BOM, no trailing bytes). Duplicate keys, NaN, depth and size
// beyond the limits are InvalidArgument naming `origin` (a file name) and the line or byte.
StatusOr<Json> ParseJson(std::string_view text, const std::string& origin,
                         const JsonLimits& limits = {});

std::string DumpJson(const Json& value);        // one line, no spaces
std::string DumpPrettyJson(const Json& value);  // two-space indent, final newline

// Typed access by member name; the error names `where` (a JSON pointer or file) plus the member,
// what was found and what was expected.
StatusOr<std::string> JsonString(const Json& object, const std::string& member,
                                 const std::string& where);
StatusOr<int64_t> JsonInt(const Json& object, const std::string& member, const std::string& where);
StatusOr<double> JsonNumber(const Json& object, const std::string& member,
                            const std::string& where);
StatusOr<bool> JsonBool(const Json& object, const std::string& member, const std::string& where);
// The returned pointer is never null on success and lives as long as `object`.
StatusOr<const Json*> JsonObject(const Json& object, const std::string& member,
                                 const std::string& where);
StatusOr<const Json*> JsonArray(const Json& object, const std::string& member,
                                const std::string& where);

// Validates against a JSON Schema (draft-07 subset, our own schemas only). All findings, in
// document order.
StatusOr<std::vector<std::string>> ValidateJson(const Json& schema, const Json& document);

}  // namespace assize
