// Lookups on a model. Tests: tests/ir/model_test.cc.
#include "lib/ir/model.h"

namespace assize::ir {
namespace {

bool SameDomain(std::string_view a, std::string_view b) {
  const auto plain = [](std::string_view d) { return d == "ai.onnx" ? std::string_view() : d; };
  return plain(a) == plain(b);
}

}  // namespace

std::optional<int64_t> Model::opset(std::string_view of_domain) const {
  for (const OpsetImport& import : opset_imports) {
    if (SameDomain(import.domain, of_domain)) return import.version;
  }
  return std::nullopt;
}

void Model::set_opset(std::string_view of_domain, int64_t version) {
  for (OpsetImport& import : opset_imports) {
    if (SameDomain(import.domain, of_domain)) {
      import.version = version;
      return;
    }
  }
  opset_imports.push_back({std::string(of_domain), version, ""});
}

const Function* Model::FindFunction(std::string_view of_domain, std::string_view name,
                                    std::string_view overload) const {
  for (const Function& function : functions) {
    if (SameDomain(function.domain, of_domain) && function.name == name &&
        function.overload == overload) {
      return &function;
    }
  }
  return nullptr;
}

}  // namespace assize::ir
