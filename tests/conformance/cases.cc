// ONNX's own test cases, read, run and compared.
#include "tests/conformance/cases.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "lib/onnx/onnx.h"
#include "lib/reference/convert.h"
#include "lib/support/files.h"
#include "lib/support/json.h"

namespace assize::conformance {
namespace {

using reference::RuntimeValue;

StatusOr<RuntimeValue> FromTestValue(const onnx::TestValue& value) {
  switch (value.kind) {
    case ir::Type::Kind::kTensor:
      return RuntimeValue::Of(value.tensor.tensor);
    case ir::Type::Kind::kSequence: {
      reference::Sequence sequence;
      for (const onnx::TestValue& element : value.elements) {
        AZ_ASSIGN_OR_RETURN(RuntimeValue converted, FromTestValue(element));
        sequence.push_back(std::move(converted));
      }
      return RuntimeValue::OfSequence(std::move(sequence));
    }
    case ir::Type::Kind::kOptional:
      if (value.elements.empty()) return RuntimeValue::None();
      return FromTestValue(value.elements[0]);
    default:
      return Unimplemented("a test value that is no tensor, sequence or optional");
  }
}

// input_<i>.pb or output_<i>.pb, one for each of `values` that has a file.
StatusOr<std::vector<std::pair<std::string, RuntimeValue>>> ReadValues(
    const std::string& folder, const std::string& prefix, const ir::Graph& graph,
    const std::vector<ir::ValueRef>& values) {
  std::vector<std::pair<std::string, RuntimeValue>> out;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string path = fmt::format("{}/{}_{}.pb", folder, prefix, i);
    if (!FileExists(path)) continue;
    AZ_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
    const ir::Value& value = graph.value(values[i]);
    AZ_ASSIGN_OR_RETURN(const onnx::TestValue read, onnx::ImportValue(bytes, value.type, path));
    AZ_ASSIGN_OR_RETURN(RuntimeValue converted, FromTestValue(read));
    out.emplace_back(value.name, std::move(converted));
  }
  return out;
}

Status RunDataSet(const Case& test_case, const ir::Model& model, const std::string& folder) {
  std::vector<ir::ValueRef> inputs;
  for (ir::ValueRef input : model.graph.inputs()) {
    if (!model.graph.value(input).is_initializer()) inputs.push_back(input);
  }
  AZ_ASSIGN_OR_RETURN(const auto feeds, ReadValues(folder, "input", model.graph, inputs));
  AZ_ASSIGN_OR_RETURN(const auto expected,
                      ReadValues(folder, "output", model.graph, model.graph.outputs()));
  if (expected.empty()) return InvalidArgument("{} has no expected outputs", folder);
  std::vector<std::string> fetch;
  for (const auto& [name, value] : expected) fetch.push_back(name);
  AZ_ASSIGN_OR_RETURN(const std::vector<RuntimeValue> actual,
                      reference::Run(model, {feeds.begin(), feeds.end()}, fetch));
  for (size_t i = 0; i < expected.size(); ++i) {
    const Status status = Compare(actual[i], expected[i].second, test_case.rtol, test_case.atol);
    if (!status.ok()) return Annotate(status, "output \"" + expected[i].first + "\"");
  }
  return OkStatus();
}

Status RunAll(const Case& test_case, std::vector<std::string>& ops) {
  AZ_ASSIGN_OR_RETURN(const onnx::Imported imported,
                      onnx::ImportFile(test_case.folder + "/model.onnx"));
  std::set<std::string> names;
  for (ir::NodeRef node : imported.model.graph.nodes())
    names.insert(imported.model.graph.node(node).op_type);
  ops.assign(names.begin(), names.end());
  int sets = 0;
  while (FolderExists(fmt::format("{}/test_data_set_{}", test_case.folder, sets))) {
    AZ_RETURN_IF_ERROR(RunDataSet(test_case, imported.model,
                                  fmt::format("{}/test_data_set_{}", test_case.folder, sets)));
    ++sets;
  }
  return sets > 0 ? OkStatus() : InvalidArgument("{} has no data set", test_case.folder);
}

}  // namespace

StatusOr<std::vector<Case>> ListCases(const std::string& root) {
  std::vector<Case> cases;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    if (!FileExists(entry.path().string() + "/model.onnx")) continue;
    Case test_case{entry.path().filename().string(), entry.path().string()};
    const std::string data = test_case.folder + "/data.json";
    if (FileExists(data)) {
      AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(data));
      AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(text, data));
      AZ_ASSIGN_OR_RETURN(test_case.rtol, JsonNumber(json, "rtol", data));
      AZ_ASSIGN_OR_RETURN(test_case.atol, JsonNumber(json, "atol", data));
    }
    cases.push_back(std::move(test_case));
  }
  if (error) return NotFound("{}: {}", root, error.message());
  std::sort(cases.begin(), cases.end(),
            [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

Outcome RunCase(const Case& test_case) {
  Outcome outcome;
  outcome.status = RunAll(test_case, outcome.ops);
  return outcome;
}

Status Compare(const RuntimeValue& actual, const RuntimeValue& expected, double rtol, double atol) {
  if (actual.kind != expected.kind) return InvalidArgument("another kind of value than expected");
  if (actual.kind == RuntimeValue::Kind::kSequence) {
    if (actual.sequence->size() != expected.sequence->size()) {
      return InvalidArgument("{} elements, expected {}", actual.sequence->size(),
                             expected.sequence->size());
    }
    for (size_t i = 0; i < actual.sequence->size(); ++i) {
      AZ_RETURN_IF_ERROR(Compare((*actual.sequence)[i], (*expected.sequence)[i], rtol, atol));
    }
    return OkStatus();
  }
  if (!actual.is_tensor()) return OkStatus();
  const ir::Tensor &a = actual.tensor, &e = expected.tensor;
  if (a.dtype() != e.dtype() || a.dims() != e.dims()) {
    return InvalidArgument("{}, expected {}", a.TypeText(), e.TypeText());
  }
  if (!ir::IsFloating(a.dtype())) {
    if (a == e) return OkStatus();
    if (!reference::IsNumeric(a.dtype())) return InvalidArgument("other elements than expected");
    const std::vector<int64_t> x = reference::Ints(a), y = reference::Ints(e);
    for (size_t i = 0; i < x.size(); ++i) {
      if (x[i] != y[i]) return InvalidArgument("element {} is {}, expected {}", i, x[i], y[i]);
    }
    return OkStatus();
  }
  const std::vector<double> x = reference::Reals(a), y = reference::Reals(e);
  // The expected values of the short formats were rounded at every step, the reference rounds once:
  // they may be two units in the last place apart.
  const double unit = e.dtype() == ir::DType::kBfloat16  ? 2 * 0x1p-7
                      : e.dtype() == ir::DType::kFloat16 ? 2 * 0x1p-10
                                                         : 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double ulp = y[i] == 0 || !std::isfinite(y[i]) ? 0 : unit * std::exp2(std::ilogb(y[i]));
    const bool same = x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])) ||
                      (std::isfinite(y[i]) &&
                       std::fabs(x[i] - y[i]) <= std::max(ulp, atol + rtol * std::fabs(y[i])));
    if (!same)
      return InvalidArgument("element {} of {} is {}, expected {}", i, a.TypeText(), x[i], y[i]);
  }
  return OkStatus();
}

}  // namespace assize::conformance
