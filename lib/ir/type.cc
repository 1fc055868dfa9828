// Construction, comparison and text of types. Tests: tests/ir/type_test.cc.
#include "lib/ir/type.h"

#include <fmt/format.h>

namespace assize::ir {

Type Type::TensorOf(DType dtype, std::optional<std::vector<Dim>> shape) {
  Type type;
  type.kind = Kind::kTensor;
  type.dtype = dtype;
  type.shape = std::move(shape);
  return type;
}

Type Type::TensorOf(DType dtype, const std::vector<int64_t>& dims) {
  std::vector<Dim> shape(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) shape[i].value = dims[i];
  return TensorOf(dtype, std::move(shape));
}

std::optional<std::vector<int64_t>> Type::static_shape() const {
  if (!shape) return std::nullopt;
  std::vector<int64_t> dims;
  for (const Dim& dim : *shape) {
    if (!dim.value) return std::nullopt;
    dims.push_back(*dim.value);
  }
  return dims;
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.shape != b.shape ||
      a.denotation != b.denotation || a.opaque_domain != b.opaque_domain ||
      a.opaque_name != b.opaque_name || a.unknown_fields != b.unknown_fields ||
      !a.element != !b.element) {
    return false;
  }
  return !a.element || a.element == b.element || *a.element == *b.element;
}

namespace {

// Names come from untrusted files: control bytes stay off the terminal.
std::string Printable(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\u{:04x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

std::string DimsText(const std::optional<std::vector<Dim>>& shape) {
  if (!shape) return "[...]";
  std::string text = "[";
  for (const Dim& dim : *shape) {
    if (text.size() > 1) text += ",";
    text += dim.value ? std::to_string(*dim.value) : dim.param.empty() ? "?" : Printable(dim.param);
  }
  return text + "]";
}

}  // namespace

std::string TypeText(const Type& type) {
  const std::string element = type.element ? TypeText(*type.element) : "?";
  switch (type.kind) {
    case Type::Kind::kTensor:
      return fmt::format("{} {}", ShortNameOf(type.dtype), DimsText(type.shape));
    case Type::Kind::kSparseTensor:
      return fmt::format("sparse({} {})", ShortNameOf(type.dtype), DimsText(type.shape));
    case Type::Kind::kSequence:
      return fmt::format("seq({})", element);
    case Type::Kind::kOptional:
      return fmt::format("optional({})", element);
    case Type::Kind::kMap:
      return fmt::format("map({}, {})", ShortNameOf(type.dtype), element);
    case Type::Kind::kOpaque:
      return fmt::format("opaque({}, {})", Printable(type.opaque_domain),
                         Printable(type.opaque_name));
    case Type::Kind::kUnset:
      return "?";
  }
  return "?";
}

}  // namespace assize::ir
