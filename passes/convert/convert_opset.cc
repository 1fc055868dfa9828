// Moves a model up to a newer opset of ai.onnx, one version at a time, with one adapter for each op
// that changed.
//
//   before  opset 11:  y = ReduceSum(x) {axes=[1]}      after  opset 13:  y = ReduceSum(x, [1])
//
// Needs     opset 7 or newer; only ops whose changes are in passes/convert/op_changes.cc.
// Numerics  exact: each adapter keeps the function; one that cannot refuses, naming op and reason.
// Not done  the way down; other domains, which stay as they are. target 0 changes nothing: what we
// write keeps the
//           opset of the source unless a pass needs a higher one.
// Tests     tests/passes/convert_opset_test.cc
#include <array>
#include <set>

#include "lib/analysis/schema.h"
#include "lib/ir/text.h"
#include "lib/pass/pass.h"
#include "passes/convert/adapters.h"

namespace assize::passes {

using analysis::SchemaVersions;
using convert::RuleFor;
using convert::Site;
using ir::Graph;
using ir::NodeRef;

namespace {

constexpr int64_t kOldestOpset = 7;
constexpr int64_t kNewestOpset = 28;

// The IR version that came with each opset from 7 on (onnx's release table): files below it are not
// expected to use the opset.
constexpr std::array<int64_t, 22> kIrVersionOfOpset = {3, 3, 4, 5,  6,  7,  7,  7,  8,  8,  8,
                                                       8, 9, 9, 10, 10, 11, 12, 13, 13, 13, 14};
static_assert(kIrVersionOfOpset.size() == kNewestOpset - kOldestOpset + 1);

// Whether the op has a version of its own at `version`, and is older than that.
bool Changes(const std::string& op, int64_t version) {
  bool older = false, here = false;
  for (const analysis::OpSchema* schema : SchemaVersions("", op)) {
    older = older || schema->since_version < version;
    here = here || schema->since_version == version;
  }
  return older && here;
}

class Converter {
 public:
  Converter(const ir::Model& model, int64_t target) : model_(model), target_(target) {}

  // Nothing is edited before every node was found convertible in principle.
  Status Check(const Graph& graph, int64_t from) {
    for (NodeRef ref = graph.first_node(); ref; ref = graph.next_node(ref)) {
      const ir::Node& node = graph.node(ref);
      for (const ir::Attribute& attribute : node.attributes) {
        if (const auto* box = std::get_if<ir::GraphBox>(&attribute.value))
          AZ_RETURN_IF_ERROR(Check(**box, from));
        if (const auto* boxes = std::get_if<std::vector<ir::GraphBox>>(&attribute.value)) {
          for (const ir::GraphBox& inner : *boxes) AZ_RETURN_IF_ERROR(Check(*inner, from));
        }
      }
      if (!ir::IsMainDomain(node.domain) ||
          model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) {
        continue;
      }
      if (SchemaVersions("", node.op_type).empty()) {
        missing_.insert(node.op_type + " (unknown op)");
        continue;
      }
      for (int64_t version = from + 1; version <= target_; ++version) {
        if (Changes(node.op_type, version) && !RuleFor(node.op_type, version).known) {
          missing_.insert(fmt::format("{} (opset {})", node.op_type, version));
        }
      }
    }
    return OkStatus();
  }

  Status Missing() const {
    if (missing_.empty()) return OkStatus();
    return Unimplemented("no adapter is known for: {}", fmt::join(missing_, ", "));
  }

  Status Convert(ir::Editor& edit, int64_t from, const analysis::TypeTable* types,
                 bool in_function) {
    // Inner graphs first, while inference still knows them by their address.
    for (const NodeRef ref : edit.graph().nodes()) {
      if (!edit.graph().node(ref).has_subgraphs()) continue;
      Status inner = OkStatus();
      edit.EditSubgraphs(ref, [&](ir::Editor& sub) {
        if (inner.ok())
          inner = Convert(sub, from, types != nullptr ? types->inner(sub.graph()) : nullptr, false);
      });
      AZ_RETURN_IF_ERROR(inner);
    }
    for (int64_t version = from + 1; version <= target_; ++version) {
      for (const NodeRef ref : edit.graph().nodes()) {
        const ir::Node& node = edit.graph().node(ref);
        if (!ir::IsMainDomain(node.domain) ||
            model_.FindFunction(node.domain, node.op_type, node.overload) != nullptr) {
          continue;
        }
        const convert::ChangeRule rule = RuleFor(node.op_type, version);
        if (rule.adapter == nullptr) continue;
        Site site{edit, ref, version, types, in_function};
        AZ_RETURN_IF_ERROR(rule.adapter(site));
        ++adapted_;
      }
    }
    return OkStatus();
  }

  int64_t adapted() const { return adapted_; }

 private:
  const ir::Model& model_;
  int64_t target_;
  std::set<std::string> missing_;
  int64_t adapted_ = 0;
};

// The version of ai.onnx among the imports, by reference.
int64_t* MainVersion(std::vector<ir::OpsetImport>& imports) {
  for (ir::OpsetImport& import : imports) {
    if (ir::IsMainDomain(import.domain)) return &import.version;
  }
  return nullptr;
}

}  // namespace

class ConvertOpset final : public pass::ModelPass {
 public:
  pass::Descriptor Describe() const override {
    return {.summary = "Moves the model up to a newer opset",
            .options = {{.name = "target",
                         .type = pass::OptionType::kInt,
                         .default_text = "0",
                         .summary = "opset of ai.onnx to reach; 0 keeps the one the model has",
                         .min = 0,
                         .max = kNewestOpset,
                         .choices = {}}}};
  }

  Status Run(ir::Model& model, pass::Context& context) override {
    const int64_t target = options().Int("target");
    int64_t* const version = MainVersion(model.opset_imports);
    if (target == 0 || version == nullptr || *version == target) return OkStatus();
    if (target < *version) {
      return FailedPrecondition(
          "the model is at opset {}, target {} is below it: only the way up is known", *version,
          target);
    }
    const ir::Model original =
        model;  // names of functions, and types by the graphs' addresses, stay readable
    Converter converter(original, target);
    std::vector<int64_t*> versions = {version};
    AZ_RETURN_IF_ERROR(CheckOldest(*version));
    AZ_RETURN_IF_ERROR(converter.Check(model.graph, *version));
    for (ir::Function& function : model.functions) {
      int64_t* const own = MainVersion(function.opset_imports);
      if (own == nullptr || *own >= target) continue;
      AZ_RETURN_IF_ERROR(CheckOldest(*own));
      AZ_RETURN_IF_ERROR(converter.Check(function.body, *own));
      versions.push_back(own);
    }
    AZ_RETURN_IF_ERROR(converter.Missing());

    const analysis::TypeTable types = analysis::InferTypesLeniently(model, {}, nullptr);
    {
      ir::Editor edit(model.graph);
      AZ_RETURN_IF_ERROR(converter.Convert(edit, *version, &types, false));
    }
    for (ir::Function& function : model.functions) {
      int64_t* const own = MainVersion(function.opset_imports);
      if (own == nullptr || *own >= target) continue;
      const analysis::TypeTable inner = analysis::InferFunctionTypes(original, function);
      ir::Editor edit(function.body);
      AZ_RETURN_IF_ERROR(converter.Convert(edit, *own, &inner, true));
    }
    for (int64_t* const reached : versions) *reached = target;
    model.ir_version =
        std::max(model.ir_version, kIrVersionOfOpset[static_cast<size_t>(target - kOldestOpset)]);
    (*context.statistics)["adapted"] += converter.adapted();
    return OkStatus();
  }

 private:
  static Status CheckOldest(int64_t version) {
    if (version >= kOldestOpset) return OkStatus();
    return Unimplemented("the model is at opset {}, conversion starts at {}", version,
                         kOldestOpset);
  }
};

ASSIZE_DEFINE_PASS(ConvertOpset);

}  // namespace assize::passes
