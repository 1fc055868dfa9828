// Parses the table of op schemas. Its format is in scripts/make_op_schemas.py. Tests:
// tests/analysis/schema_test.cc.
#include "lib/analysis/schema.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <span>
#include <utility>

#include "lib/support/status.h"

namespace assize::analysis {
namespace {

constexpr const char* kRows[] = {
#include "schemas/ops.inc"
};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// Fields of a schema row: unlike Split, an empty field at the end counts.
std::vector<std::string_view> Fields(std::string_view text) {
  std::vector<std::string_view> fields;
  while (true) {
    const size_t at = text.find('|');
    fields.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return fields;
    text.remove_prefix(at + 1);
  }
}

int64_t Number(std::string_view text) {
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  AZ_CHECK(result.ec == std::errc(), "schemas/ops.inc: \"{}\" is no number", text);
  return value;
}

std::vector<OpSchema::Formal> Formals(std::string_view text) {
  std::vector<OpSchema::Formal> formals;
  for (const std::string_view part : Split(text, ',')) {
    const auto fields = Split(part, ':');
    AZ_CHECK(fields.size() == 3 && fields[1].size() == 1, "schemas/ops.inc: formal \"{}\"", part);
    OpSchema::Formal formal;
    formal.name = std::string(fields[0]);
    const char option = fields[1][0];
    formal.option = option == '1'   ? OpSchema::Option::kSingle
                    : option == '?' ? OpSchema::Option::kOptional
                                    : OpSchema::Option::kVariadic;
    formal.homogeneous = option != '~';
    formal.type = std::string(fields[2]);
    formals.push_back(std::move(formal));
  }
  return formals;
}

using TypeSet = std::vector<std::string_view>;

OpSchema ParseSchema(std::string_view row, const std::vector<TypeSet>& type_sets) {
  const auto fields = Fields(row);
  AZ_CHECK(fields.size() == 9, "schemas/ops.inc: {} fields in \"{}\"", fields.size(), row);
  OpSchema schema;
  schema.domain = std::string(fields[0]);
  schema.name = std::string(fields[1]);
  schema.since_version = Number(fields[2]);
  schema.deprecated = fields[3].find('d') != std::string_view::npos;
  schema.nondeterministic = fields[3].find('r') != std::string_view::npos;
  const auto arity = Split(fields[4], ',');
  AZ_CHECK(arity.size() == 4);
  schema.min_inputs = Number(arity[0]);
  schema.max_inputs = Number(arity[1]);
  schema.min_outputs = Number(arity[2]);
  schema.max_outputs = Number(arity[3]);
  schema.inputs = Formals(fields[5]);
  schema.outputs = Formals(fields[6]);
  for (const std::string_view part : Split(fields[7], ',')) {
    const auto attribute = Split(part, ':');
    AZ_CHECK(attribute.size() >= 3, "schemas/ops.inc: attribute \"{}\"", part);
    // A default may hold colons: it is what follows the third one.
    const size_t used = attribute[0].size() + attribute[1].size() + attribute[2].size() + 3;
    schema.attributes.push_back(
        {std::string(attribute[0]), static_cast<int32_t>(Number(attribute[1])), attribute[2] == "1",
         used <= part.size() ? std::string(part.substr(used)) : std::string()});
  }
  for (const std::string_view part : Split(fields[8], ',')) {
    const auto constraint = Split(part, ':');
    AZ_CHECK(constraint.size() == 2, "schemas/ops.inc: constraint \"{}\"", part);
    schema.constraints.push_back(
        {std::string(constraint[0]), &type_sets.at(static_cast<size_t>(Number(constraint[1])))});
  }
  return schema;
}

// The rows by op. A model uses few of the ops: each is parsed when it is first asked for.
class Table {
 public:
  Table() {
    for (const char* const& text : kRows) {
      const std::string_view body = std::string_view(text).substr(2);
      if (text[0] == 'T') {
        type_sets_.push_back(Split(body, ' '));
        continue;
      }
      const size_t name = body.find('|') + 1, since = body.find('|', name) + 1;
      const Key key{body.substr(0, name - 1), body.substr(name, since - 1 - name)};
      // Rows are in the order of domain, name and version.
      if (ops_.empty() || ops_.back().key != key) ops_.push_back({key, &text, 0, {}});
      ++ops_.back().rows;
      int64_t& newest = newest_[key.first];
      newest = std::max(newest, Number(body.substr(since, body.find('|', since) - since)));
    }
  }

  // Oldest first; null when the op is unknown.
  const std::vector<OpSchema>* Versions(std::string_view domain, std::string_view name) {
    const Key key{domain, name};
    const auto op = std::lower_bound(ops_.begin(), ops_.end(), key,
                                     [](const Op& o, const Key& k) { return o.key < k; });
    if (op == ops_.end() || op->key != key) return nullptr;
    const std::scoped_lock lock(mutex_);
    if (op->versions.empty()) {
      for (const char* const row : std::span(op->first, op->rows))
        op->versions.push_back(ParseSchema(std::string_view(row).substr(2), type_sets_));
    }
    return &op->versions;
  }

  // 0 for domains that are not in the table.
  int64_t Newest(std::string_view domain) const {
    const auto found = newest_.find(domain);
    return found == newest_.end() ? 0 : found->second;
  }

 private:
  using Key = std::pair<std::string_view, std::string_view>;  // domain, name
  struct Op {
    Key key;
    const char* const* first;  // of its rows
    size_t rows;
    std::vector<OpSchema> versions;  // once asked for
  };
  std::vector<TypeSet> type_sets_;
  std::vector<Op> ops_;
  std::map<std::string_view, int64_t> newest_;
  std::mutex mutex_;
};

Table& TheTable() {
  static Table table;
  return table;
}

std::string_view Plain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

const std::vector<OpSchema>* Versions(std::string_view domain, std::string_view op) {
  return TheTable().Versions(Plain(domain), op);
}

}  // namespace

const OpSchema::Attribute* OpSchema::FindAttribute(std::string_view attribute_name) const {
  for (const Attribute& a : attributes) {
    if (a.name == attribute_name) return &a;
  }
  return nullptr;
}

const OpSchema::Constraint* OpSchema::FindConstraint(std::string_view parameter) const {
  for (const Constraint& c : constraints) {
    if (c.parameter == parameter) return &c;
  }
  return nullptr;
}

namespace {
const OpSchema::Formal* FormalAt(const std::vector<OpSchema::Formal>& formals, size_t index) {
  if (index < formals.size()) return &formals[index];
  if (formals.empty() || formals.back().option != OpSchema::Option::kVariadic) return nullptr;
  return &formals.back();
}
}  // namespace

const OpSchema::Formal* OpSchema::InputFormal(size_t index) const {
  return FormalAt(inputs, index);
}
const OpSchema::Formal* OpSchema::OutputFormal(size_t index) const {
  return FormalAt(outputs, index);
}

const OpSchema* FindSchema(std::string_view domain, std::string_view op, int64_t opset) {
  const std::vector<OpSchema>* versions = Versions(domain, op);
  if (versions == nullptr) return nullptr;
  const OpSchema* best = nullptr;
  for (const OpSchema& schema : *versions) {
    if (schema.since_version <= opset) best = &schema;
  }
  return best;
}

std::vector<const OpSchema*> SchemaVersions(std::string_view domain, std::string_view op) {
  std::vector<const OpSchema*> all;
  if (const std::vector<OpSchema>* versions = Versions(domain, op)) {
    for (const OpSchema& schema : *versions) all.push_back(&schema);
  }
  return all;
}

bool IsOnnxDomain(std::string_view domain) { return NewestOpset(domain) > 0; }

int64_t NewestOpset(std::string_view domain) { return TheTable().Newest(Plain(domain)); }

}  // namespace assize::analysis
