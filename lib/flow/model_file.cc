// Loading, describing and writing models. Tests: tests/flow/model_file_test.cc.
#include "lib/flow/model_file.h"

#include <unistd.h>

#include <set>

#include "lib/analysis/cost.h"
#include "lib/ir/editor.h"
#include "lib/ir/hash.h"
#include "lib/reference/reference.h"
#include "lib/support/files.h"
#include "lib/verify/verify.h"

namespace assize::flow {
namespace {

std::string DomainName(const std::string& domain) { return domain.empty() ? "ai.onnx" : domain; }

// Visits every node of a graph and of its subgraphs.
template <typename Visit>
void ForEachNode(const ir::Graph& graph, const Visit& visit) {
  for (ir::NodeRef at = graph.first_node(); at; at = graph.next_node(at)) {
    const ir::Node& node = graph.node(at);
    visit(node);
    ir::ForEachSubgraph(node, [&](const ir::Graph& inner) { ForEachNode(inner, visit); });
  }
}

// Nodes after what they read, also in subgraphs; a graph with a cycle stays as it is.
void SortNodes(ir::Editor edit) {
  for (const ir::NodeRef ref : edit.graph().nodes()) {
    if (edit.graph().node(ref).has_subgraphs()) {
      edit.EditSubgraphs(ref, [](ir::Editor& inner) { SortNodes(inner); });
    }
  }
  edit.SortTopologically();
}

void SortNodes(ir::Model& model) {
  SortNodes(ir::Editor(model.graph));
  for (ir::Function& function : model.functions) SortNodes(ir::Editor(function.body));
}

std::vector<evidence::TensorFact> TensorFacts(const ir::Graph& graph,
                                              const std::vector<ir::ValueRef>& values) {
  std::vector<evidence::TensorFact> facts;
  for (const ir::ValueRef ref : values) {
    const ir::Value& value = graph.value(ref);
    if (value.is_input && value.is_initializer()) continue;  // a default, not something to feed
    const std::string text = ir::TypeText(value.type);
    const size_t space = text.find(' ');
    facts.push_back({value.name, text.substr(0, space),
                     space == std::string::npos ? "" : text.substr(space + 1)});
  }
  return facts;
}

}  // namespace

StatusOr<LoadedModel> LoadModel(const std::string& path, const LoadOptions& options) {
  onnx::ImportOptions import;
  import.sealed = options.sealed;
  import.digests = options.digests;
  if (options.max_model_bytes != 0) import.limits.max_model_bytes = options.max_model_bytes;
  LoadedModel loaded;
  loaded.path = path;
  AZ_ASSIGN_OR_RETURN(loaded.imported, onnx::ImportFile(path, import));
  if (!options.sha256.empty() && Hex(loaded.imported.file_digest) != options.sha256) {
    return DataLoss("{}: sha256 is {}, expected {}", path, Hex(loaded.imported.file_digest),
                    options.sha256);
  }
  if (const Status valid = verify::CheckModel(loaded.imported.model); !valid.ok()) {
    SortNodes(loaded.imported.model);
    if (!verify::CheckModel(loaded.imported.model).ok()) return Annotate(valid, path);
  }
  return loaded;
}

std::vector<std::string> NotExecutable(const ir::Model& model) {
  std::set<std::string> missing;
  const auto look = [&](const ir::Graph& graph, const std::vector<ir::OpsetImport>& imports) {
    ForEachNode(graph, [&](const ir::Node& node) {
      if (model.FindFunction(node.domain, node.op_type, node.overload) != nullptr) return;
      int64_t opset = 0;
      for (const ir::OpsetImport& import : imports) {
        if (DomainName(import.domain) == DomainName(node.domain)) opset = import.version;
      }
      if (!reference::Supports(node.domain, node.op_type, opset)) {
        missing.insert(fmt::format("{}.{}({})", DomainName(node.domain), node.op_type, opset));
      }
    });
  };
  look(model.graph, model.opset_imports);
  for (const ir::Function& function : model.functions) look(function.body, function.opset_imports);
  return {missing.begin(), missing.end()};
}

StatusOr<evidence::ModelFacts> FactsOf(const ir::Model& model) {
  evidence::ModelFacts facts;
  facts.structural_digest = Hex(ir::StructuralHash(model));
  AZ_ASSIGN_OR_RETURN(const analysis::Cost cost, analysis::CostOf(model));
  facts.nodes = cost.nodes;
  facts.parameters = cost.parameters;
  facts.nonzero_parameters = cost.nonzero_parameters;
  facts.weight_bytes = cost.weight_bytes;
  facts.macs = cost.macs;
  facts.macs_complete = cost.macs_complete;
  facts.ir_version = model.ir_version;
  for (const ir::OpsetImport& import : model.opset_imports) {
    facts.opsets[DomainName(import.domain)] = import.version;
  }
  facts.inputs = TensorFacts(model.graph, model.graph.inputs());
  facts.outputs = TensorFacts(model.graph, model.graph.outputs());
  facts.not_executable = NotExecutable(model);
  return facts;
}

StatusOr<evidence::ModelFacts> FactsOf(const LoadedModel& loaded) {
  AZ_ASSIGN_OR_RETURN(evidence::ModelFacts facts, FactsOf(loaded.model()));
  facts.file = {BaseName(loaded.path), Hex(loaded.imported.file_digest),
                static_cast<int64_t>(loaded.imported.file_bytes)};
  for (const onnx::Imported::External& external : loaded.imported.external) {
    facts.external.push_back(
        {external.location, Hex(external.digest), static_cast<int64_t>(external.bytes)});
  }
  return facts;
}

StatusOr<evidence::ModelFacts> WriteModel(const ir::Model& model, const std::string& path) {
  // Before anything is at `path`: a model that is not valid must not replace one that is.
  if (const Status valid = verify::CheckModel(model); !valid.ok()) {
    return Annotate(valid, path + ": not written");
  }
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> files, onnx::ExportFile(model, path));
  // Reading back what was written is the check that it can be read at all.
  StatusOr<LoadedModel> written = LoadModel(path);
  if (!written.ok()) {
    for (const std::string& file : files) ::unlink(JoinPath(FolderOf(path), file).c_str());
    return written.status();
  }
  return FactsOf(*written);
}

std::vector<std::string> FeedNames(const ir::Model& model) {
  std::vector<std::string> names;
  for (const ir::ValueRef ref : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(ref);
    if (!value.is_initializer()) names.push_back(value.name);
  }
  return names;
}

int64_t FixedBatch(const ir::Model& model) {
  int64_t batch = 0;
  for (const ir::ValueRef ref : model.graph.inputs()) {
    const ir::Value& value = model.graph.value(ref);
    if (value.is_initializer()) continue;
    const auto& shape = value.type.shape;
    if (!shape || shape->empty() || !shape->front().value) return 0;
    const int64_t rows = *shape->front().value;
    if (rows < 1 || (batch != 0 && rows != batch)) return 0;
    batch = rows;
  }
  return batch;
}

}  // namespace assize::flow
