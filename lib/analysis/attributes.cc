// Typed reads of attributes. Tests: tests/analysis/ops_test.cc.
#include "lib/analysis/attributes.h"

#include "lib/ir/text.h"

namespace assize::analysis {

ir::Attribute MakeAttribute(std::string name, ir::Attribute::Value value) {
  ir::Attribute attribute;
  attribute.name = std::move(name);
  attribute.value = std::move(value);
  return attribute;
}

void AttributeReader::Fail(const std::string& what) {
  if (status_.ok()) status_ = InvalidArgument("{}: {}", ir::NodeLabel(graph_, ref_), what);
}

template <typename T>
const T* AttributeReader::Get(std::string_view name, std::string_view expected) {
  const ir::Attribute* attribute = node_.FindAttribute(name);
  if (attribute == nullptr) return nullptr;
  if (!attribute->ref_name.empty()) {
    Fail(fmt::format(
        "attribute \"{}\" refers to \"{}\" of the function, its value is not known here", name,
        attribute->ref_name));
    return nullptr;
  }
  const T* value = std::get_if<T>(&attribute->value);
  if (value == nullptr) {
    Fail(fmt::format("attribute \"{}\" has type number {}, expected {}", name, attribute->number(),
                     expected));
  }
  return value;
}

int64_t AttributeReader::Int(std::string_view name, int64_t fallback) {
  const int64_t* value = Get<int64_t>(name, "an int");
  return value ? *value : fallback;
}

float AttributeReader::Float(std::string_view name, float fallback) {
  const float* value = Get<float>(name, "a float");
  return value ? *value : fallback;
}

std::string AttributeReader::Text(std::string_view name, std::string fallback) {
  const std::string* value = Get<std::string>(name, "a string");
  return value ? *value : fallback;
}

std::vector<int64_t> AttributeReader::Ints(std::string_view name) {
  return MaybeInts(name).value_or(std::vector<int64_t>());
}

std::vector<float> AttributeReader::Floats(std::string_view name) {
  const auto* value = Get<std::vector<float>>(name, "floats");
  return value ? *value : std::vector<float>();
}

std::vector<std::string> AttributeReader::Texts(std::string_view name) {
  const auto* value = Get<std::vector<std::string>>(name, "strings");
  return value ? *value : std::vector<std::string>();
}

std::optional<int64_t> AttributeReader::MaybeInt(std::string_view name) {
  const int64_t* value = Get<int64_t>(name, "an int");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<float> AttributeReader::MaybeFloat(std::string_view name) {
  const float* value = Get<float>(name, "a float");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<std::vector<int64_t>> AttributeReader::MaybeInts(std::string_view name) {
  // A list without elements may come in as an empty list of another kind: the wire has no type for
  // it.
  const ir::Attribute* attribute = node_.FindAttribute(name);
  if (attribute != nullptr && attribute->ref_name.empty()) {
    if (const auto* floats = std::get_if<std::vector<float>>(&attribute->value);
        floats && floats->empty()) {
      return std::vector<int64_t>();
    }
  }
  const auto* value = Get<std::vector<int64_t>>(name, "ints");
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<ir::Tensor> AttributeReader::MaybeTensor(std::string_view name) {
  const auto* value = Get<ir::NamedTensor>(name, "a tensor");
  return value ? std::optional(value->tensor) : std::nullopt;
}

int64_t AttributeReader::RequiredInt(std::string_view name) {
  if (!Has(name)) Fail(fmt::format("attribute \"{}\" is missing", name));
  return Int(name, 0);
}

std::vector<int64_t> AttributeReader::RequiredInts(std::string_view name) {
  if (!Has(name)) Fail(fmt::format("attribute \"{}\" is missing", name));
  return Ints(name);
}

}  // namespace assize::analysis
