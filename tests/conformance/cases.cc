// ONNX's own test cases, read, run and compared. Tests: tests/conformance/suite_test.cc.
#include "tests/conformance/cases.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "lib/engine/engine.h"
#include "lib/ir/editor.h"
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

// Before numpy had a bfloat16, ONNX wrote the data of such cases as the 16-bit words they are made
// of: uint16 where the model declares bfloat16. The words are taken as what they stand for.
RuntimeValue AsDeclared(RuntimeValue value, const ir::Type& declared) {
  if (value.is_tensor() && declared.is_tensor() && declared.dtype == ir::DType::kBfloat16 &&
      value.tensor.dtype() == ir::DType::kUint16) {
    const auto bytes = value.tensor.bytes();
    value.tensor = ir::Tensor::FromBytes(ir::DType::kBfloat16, value.tensor.dims(),
                                         std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  return value;
}

using NamedValues = std::vector<std::pair<std::string, RuntimeValue>>;

StatusOr<RuntimeValue> ReadValue(const std::string& path, const ir::Type& declared) {
  AZ_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  AZ_ASSIGN_OR_RETURN(const onnx::TestValue read, onnx::ImportValue(bytes, declared, path));
  AZ_ASSIGN_OR_RETURN(RuntimeValue converted, FromTestValue(read));
  return AsDeclared(std::move(converted), declared);
}

// input_<i>.pb or output_<i>.pb, one for each of `values` that has a file.
StatusOr<NamedValues> ReadValues(const std::string& folder, const std::string& prefix,
                                 const ir::Graph& graph, const std::vector<ir::ValueRef>& values) {
  NamedValues out;
  for (size_t i = 0; i < values.size(); ++i) {
    const std::string path = fmt::format("{}/{}_{}.pb", folder, prefix, i);
    if (!FileExists(path)) continue;
    const ir::Value& value = graph.value(values[i]);
    AZ_ASSIGN_OR_RETURN(RuntimeValue read, ReadValue(path, value.type));
    out.emplace_back(value.name, std::move(read));
  }
  return out;
}

// What ONNX's runner feeds to a light model.
StatusOr<RuntimeValue> DummyInput(const ir::Value& input) {
  if (!input.type.is_tensor() || input.type.dtype != ir::DType::kFloat || !input.type.shape)
    return Unimplemented("input \"{}\" is no float tensor of known rank", input.name);
  ir::Shape dims;
  for (const ir::Dim& dim : *input.type.shape) dims.push_back(dim.value.value_or(1));
  const int64_t count = ir::ElementCount(dims).value_or(0);
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<double>(i) / static_cast<double>(count));
  return RuntimeValue::Of(ir::Tensor::Of<float>(dims, values));
}

// A few of the cases that ONNX 1.12 shipped declare an input of one shape and bring data of
// another, in an operand whose shape decides nothing. ONNX's runner never compares the two; here
// the data is believed and the declaration withdrawn.
void WithdrawContradictedShapes(ir::Model& model, const NamedValues& feeds) {
  ir::Editor edit(model.graph);
  for (const auto& [name, feed] : feeds) {
    const ir::ValueRef ref = model.graph.FindValue(name);
    if (!feed.is_tensor() || !ref || !model.graph.value(ref).type.shape) continue;
    ir::Type type = model.graph.value(ref).type;
    bool fits = type.shape->size() == feed.tensor.dims().size();
    for (size_t d = 0; fits && d < type.shape->size(); ++d) {
      const auto& want = (*type.shape)[d].value;
      fits = !want || *want == feed.tensor.dims()[d];
    }
    if (fits) continue;
    type.shape.reset();
    edit.SetType(ref, type);
  }
}

// Runs a model as often as it has data sets; the engine compiles once.
class Machine {
 public:
  Machine(const ir::Model& model, Runner runner) : model_(model), runner_(runner) {}

  StatusOr<std::vector<RuntimeValue>> Run(const NamedValues& feeds,
                                          const std::vector<std::string>& fetch) {
    if (runner_ == Runner::kReference)
      return reference::Run(model_, {feeds.begin(), feeds.end()}, fetch);
    std::map<std::string, ir::Tensor> tensors;
    for (const auto& [name, value] : feeds) {
      if (!value.is_tensor()) return Unimplemented("feed \"{}\" is no tensor", name);
      tensors[name] = value.tensor;
    }
    engine::CompileOptions options;
    options.fetch = fetch;
    AZ_ASSIGN_OR_RETURN(program_, engine::Compile(model_, options));
    AZ_ASSIGN_OR_RETURN(const std::vector<ir::Tensor> results,
                        engine::Session(program_).Run(tensors));
    std::vector<RuntimeValue> out;
    for (const ir::Tensor& result : results) out.push_back(RuntimeValue::Of(result));
    return out;
  }

  // Nodes that the engine left to the reference, by op type.
  std::map<std::string, int> Fallbacks() const {
    std::map<std::string, int> out;
    if (program_ == nullptr) return out;
    for (const engine::StepInfo& step : engine::Describe(*program_)) {
      if (step.kernel == "reference") ++out[step.op_type];
    }
    return out;
  }

 private:
  const ir::Model& model_;
  Runner runner_;
  std::shared_ptr<const engine::Program> program_;
};

Status RunDataSet(const Case& test_case, const NamedValues& feeds, const NamedValues& expected,
                  Machine& machine) {
  if (expected.empty()) return InvalidArgument("{} has no expected outputs", test_case.name);
  std::vector<std::string> fetch;
  for (const auto& [name, value] : expected) fetch.push_back(name);
  AZ_ASSIGN_OR_RETURN(const std::vector<RuntimeValue> actual, machine.Run(feeds, fetch));
  if (actual.size() != expected.size())
    return Internal("{} results, expected {}", actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const Status status = Compare(actual[i], expected[i].second, test_case);
    if (!status.ok()) return Annotate(status, "output \"" + expected[i].first + "\"");
  }
  return OkStatus();
}

Status RunAll(const Case& test_case, Runner runner, Outcome& outcome) {
  AZ_ASSIGN_OR_RETURN(onnx::Imported imported, onnx::ImportFile(test_case.model));
  const ir::Graph& graph = imported.model.graph;
  for (ir::NodeRef node : graph.nodes()) ++outcome.ops[graph.node(node).op_type];
  std::vector<ir::ValueRef> inputs;
  for (ir::ValueRef input : graph.inputs()) {
    if (!graph.value(input).is_initializer()) inputs.push_back(input);
  }
  Machine machine(imported.model, runner);
  if (test_case.folder.empty()) {
    NamedValues feeds, expected;
    for (ir::ValueRef input : inputs) {
      AZ_ASSIGN_OR_RETURN(RuntimeValue value, DummyInput(graph.value(input)));
      feeds.emplace_back(graph.value(input).name, std::move(value));
    }
    const std::string stem = test_case.model.substr(0, test_case.model.rfind('.'));
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const ir::Value& output = graph.value(graph.outputs()[i]);
      AZ_ASSIGN_OR_RETURN(RuntimeValue value,
                          ReadValue(fmt::format("{}_output_{}.pb", stem, i), output.type));
      expected.emplace_back(output.name, std::move(value));
    }
    AZ_RETURN_IF_ERROR(RunDataSet(test_case, feeds, expected, machine));
  } else {
    int sets = 0;
    for (;; ++sets) {
      const std::string folder = fmt::format("{}/test_data_set_{}", test_case.folder, sets);
      if (!FolderExists(folder)) break;
      AZ_ASSIGN_OR_RETURN(const NamedValues feeds, ReadValues(folder, "input", graph, inputs));
      AZ_ASSIGN_OR_RETURN(const NamedValues expected,
                          ReadValues(folder, "output", graph, graph.outputs()));
      WithdrawContradictedShapes(imported.model, feeds);
      AZ_RETURN_IF_ERROR(RunDataSet(test_case, feeds, expected, machine));
    }
    if (sets == 0) return InvalidArgument("{} has no data set", test_case.folder);
  }
  outcome.fallbacks = machine.Fallbacks();
  return OkStatus();
}

}  // namespace

StatusOr<std::vector<Case>> ListCases(const std::string& root) {
  std::vector<Case> cases;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    Case test_case{entry.path().stem().string(), entry.path().string(), ""};
    if (entry.path().extension() == ".onnx") {
      // As the onnx wheel's data.json files say of its light models.
      if (test_case.name == "light_densenet121") test_case.rtol = 2e-3;
      cases.push_back(std::move(test_case));
      continue;
    }
    test_case = {entry.path().filename().string(), entry.path().string() + "/model.onnx",
                 entry.path().string()};
    if (!FileExists(test_case.model)) continue;
    const std::string data = test_case.folder + "/data.json";
    if (FileExists(data)) {
      AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(data));
      AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(text, data));
      AZ_ASSIGN_OR_RETURN(test_case.rtol, JsonNumber(json, "rtol", data));
      AZ_ASSIGN_OR_RETURN(test_case.atol, JsonNumber(json, "atol", data));
      if (json.contains("steps")) {
        AZ_ASSIGN_OR_RETURN(test_case.steps, JsonNumber(json, "steps", data));
      }
    }
    cases.push_back(std::move(test_case));
  }
  if (error) return NotFound("{}: {}", root, error.message());
  std::sort(cases.begin(), cases.end(),
            [](const Case& a, const Case& b) { return a.name < b.name; });
  return cases;
}

Outcome RunCase(const Case& test_case, Runner runner) {
  Outcome outcome;
  outcome.status = RunAll(test_case, runner, outcome);
  return outcome;
}

Status Compare(const RuntimeValue& actual, const RuntimeValue& expected, const Case& test_case) {
  if (actual.kind != expected.kind) return InvalidArgument("another kind of value than expected");
  if (actual.kind == RuntimeValue::Kind::kSequence) {
    if (actual.sequence->size() != expected.sequence->size()) {
      return InvalidArgument("{} elements, expected {}", actual.sequence->size(),
                             expected.sequence->size());
    }
    for (size_t i = 0; i < actual.sequence->size(); ++i) {
      AZ_RETURN_IF_ERROR(Compare((*actual.sequence)[i], (*expected.sequence)[i], test_case));
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
      const double apart = std::fabs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
      if (x[i] != y[i] && !(apart <= test_case.steps))
        return InvalidArgument("element {} is {}, expected {}", i, x[i], y[i]);
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
                       std::fabs(x[i] - y[i]) <=
                           std::max(ulp, test_case.atol + test_case.rtol * std::fabs(y[i])));
    if (!same)
      return InvalidArgument("element {} of {} is {}, expected {}", i, a.TypeText(), x[i], y[i]);
  }
  return OkStatus();
}

}  // namespace assize::conformance
