// `inspect` and `diff`. Tests: tests/flow/inspect_test.cc.
#include "lib/flow/inspect.h"

#include "lib/analysis/cost.h"
#include "lib/flow/comparison.h"
#include "lib/flow/model_file.h"
#include "lib/ir/diff.h"
#include "lib/ir/text.h"
#include "lib/release/compare.h"
#include "lib/release/reader.h"
#include "lib/support/files.h"
#include "lib/verify/verify.h"

namespace assize::flow {
namespace {

std::string Tensors(const std::vector<evidence::TensorFact>& tensors) {
  std::string text;
  for (const evidence::TensorFact& t : tensors) {
    text += fmt::format("{}{}: {} {}", text.empty() ? "" : ", ", t.name, t.dtype, t.shape);
  }
  return text;
}

StatusOr<Differences> DiffModels(const std::string& left, const std::string& right) {
  AZ_ASSIGN_OR_RETURN(const LoadedModel before, LoadModel(left));
  AZ_ASSIGN_OR_RETURN(const LoadedModel after, LoadModel(right));
  const ir::ModelDiff diff = ir::Diff(before.model(), after.model());
  Differences out;
  out.equal = diff.empty();
  out.json["equal"] = out.equal;
  out.json["sameBytes"] = before.imported.file_digest == after.imported.file_digest;
  out.json["changes"] = Json::array();
  for (const ir::ModelDiff::Change& change : diff.changes) {
    out.json["changes"].push_back({{"what", change.what},
                                   {"name", change.name},
                                   {"before", change.before},
                                   {"after", change.after}});
    if (change.before.empty()) {
      out.text += fmt::format("+ {} {}: {}\n", change.what, change.name, change.after);
    } else if (change.after.empty()) {
      out.text += fmt::format("- {} {}: {}\n", change.what, change.name, change.before);
    } else {
      out.text += fmt::format("~ {} {}:\n    {}\n    {}\n", change.what, change.name, change.before,
                              change.after);
    }
  }
  out.text += out.equal ? "the models are the same\n"
                        : fmt::format("{} differences\n", diff.changes.size());
  return out;
}

StatusOr<Differences> DiffReleases(const std::string& left, const std::string& right) {
  AZ_ASSIGN_OR_RETURN(const release::Release a, release::ReadRelease(left));
  AZ_ASSIGN_OR_RETURN(const release::Release b, release::ReadRelease(right));
  AZ_ASSIGN_OR_RETURN(const auto differences, release::CompareReleases(a, b));
  Differences out;
  out.equal = differences.empty();
  out.json["equal"] = out.equal;
  out.json["masked"] = {"measurements", "times",    "key ids",
                        "signatures",   "sequence", "digests that depend on these"};
  out.json["changes"] = Json::array();
  for (const release::Difference& d : differences) {
    out.json["changes"].push_back(
        {{"file", d.file}, {"place", d.place}, {"left", d.left}, {"right", d.right}});
    out.text += fmt::format("~ {} {}:\n    {}\n    {}\n", d.file, d.place, d.left, d.right);
  }
  out.text += out.equal ? "the releases agree in everything that a second build must reproduce\n"
                        : fmt::format("{} differences\n", differences.size());
  return out;
}

}  // namespace

StatusOr<Inspection> InspectModel(const std::string& path, bool full) {
  AZ_ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModel(path));
  AZ_ASSIGN_OR_RETURN(const evidence::ModelFacts facts, FactsOf(loaded));
  AZ_ASSIGN_OR_RETURN(const analysis::Cost cost, analysis::CostOf(loaded.model()));
  Inspection out;
  out.json = ModelFactsJson(facts);
  out.json["ops"] = Json::object();
  for (const auto& [op, count] : cost.ops) out.json["ops"][op] = count;
  out.json["functions"] = loaded.model().functions.size();
  out.json["findings"] = Json::array();

  std::string opsets;
  for (const auto& [domain, version] : facts.opsets) {
    opsets += fmt::format("{}{} {}", opsets.empty() ? "" : ", ", domain, version);
  }
  std::string ops;
  for (const auto& [op, count] : cost.ops)
    ops += fmt::format("{}{} x{}", ops.empty() ? "" : ", ", op, count);
  out.text =
      fmt::format("{}\n  sha256      {}\n  bytes       {}\n  IR version  {}\n  opsets      {}\n",
                  path, facts.file.sha256, facts.file.bytes, facts.ir_version, opsets);
  for (const evidence::FileFact& file : facts.external) {
    out.text +=
        fmt::format("  external    {} ({} bytes, sha256 {})\n", file.name, file.bytes, file.sha256);
  }
  out.text += fmt::format("  inputs      {}\n  outputs     {}\n", Tensors(facts.inputs),
                          Tensors(facts.outputs));
  out.text +=
      fmt::format("  nodes       {}\n  parameters  {} ({} nonzero), {} bytes\n", facts.nodes,
                  facts.parameters, facts.nonzero_parameters, facts.weight_bytes);
  out.text += fmt::format(
      "  MACs        {}{}\n  ops         {}\n", facts.macs,
      facts.macs_complete ? " per row" : " per row at least: some shapes are unknown", ops);
  out.text += facts.not_executable.empty()
                  ? "  runs here   yes\n"
                  : fmt::format("  runs here   no, these ops are carried through untouched: {}\n",
                                fmt::join(facts.not_executable, ", "));
  for (const Diagnostic& finding : verify::Verify(loaded.model())) {
    out.json["findings"].push_back({{"severity", SeverityName(finding.severity)},
                                    {"rule", finding.rule},
                                    {"place", finding.place},
                                    {"message", finding.message}});
    out.text += fmt::format("  {} {} {}: {}\n", SeverityName(finding.severity), finding.rule,
                            finding.place, finding.message);
  }
  if (full) {
    const std::string graph = ir::Print(loaded.model());
    out.text += "\n" + graph;
    out.json["text"] = graph;
  }
  return out;
}

StatusOr<Differences> DiffPaths(const std::string& left, const std::string& right) {
  const bool folders = FolderExists(left);
  if (folders != FolderExists(right)) {
    return UsageError("{} and {} are of two kinds: give two model files or two release folders",
                      left, right);
  }
  return folders ? DiffReleases(left, right) : DiffModels(left, right);
}

}  // namespace assize::flow
