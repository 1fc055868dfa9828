// The before/after table. Tests: tests/flow/comparison_test.cc.
#include "lib/flow/comparison.h"

namespace assize::flow {
namespace {

std::string Grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

int64_t FileBytes(const evidence::ModelFacts& facts) {
  int64_t bytes = facts.file.bytes;
  for (const evidence::FileFact& external : facts.external) bytes += external.bytes;
  return bytes;
}

std::string Row(const std::string& what, const std::string& before, const std::string& after,
                const std::string& change) {
  return fmt::format("  {:<16} {:>16} {:>16} {:>10}\n", what, before, after, change);
}

std::string CountRow(const std::string& what, int64_t before, int64_t after) {
  const std::string change =
      before == 0 ? ""
                  : fmt::format("{:+.1f} %", 100.0 * static_cast<double>(after - before) /
                                                 static_cast<double>(before));
  return Row(what, Grouped(before), Grouped(after), before == after ? "same" : change);
}

std::string OpsetText(const evidence::ModelFacts& facts) {
  const auto found = facts.opsets.find("ai.onnx");
  return found == facts.opsets.end() ? "-" : std::to_string(found->second);
}

}  // namespace

std::string Comparison::ToText() const {
  std::string text = Row("", "before", "after", "");
  if (FileBytes(after) > 0) text += CountRow("file bytes", FileBytes(before), FileBytes(after));
  text += CountRow("weight bytes", before.weight_bytes, after.weight_bytes);
  text += CountRow("nodes", before.nodes, after.nodes);
  if (before.macs_complete && after.macs_complete) {
    text += CountRow("MACs per row", before.macs, after.macs);
  }
  text += CountRow("nonzero weights", before.nonzero_parameters, after.nonzero_parameters);
  text += Row("opset", OpsetText(before), OpsetText(after), "");
  if (!report) return text;
  const auto percent = [](double value) { return fmt::format("{:.2f} %", 100 * value); };
  if (report->top1) {
    const std::string source = report->source_top1 ? percent(report->source_top1->value()) : "-";
    text += Row("top-1", source, percent(report->top1->value()),
                report->drop ? fmt::format("{:+.2f}", 0.0 - 100 * *report->drop) : "");
    text +=
        fmt::format("  {:<16} {} of {}; 95 % bounds {} .. {}\n", "", report->top1->k,
                    report->top1->n, percent(report->top1->lower), percent(report->top1->upper));
  }
  if (report->drop_upper) {
    text += fmt::format("  {:<16} at most {:.2f} points (95 % bound)\n", "drop of top-1",
                        100 * *report->drop_upper);
  }
  if (report->flips) {
    text += fmt::format("  {:<16} {} of {} answers changed; at most {} (95 % bound)\n", "flips",
                        report->flips->k, report->flips->n, percent(report->flips->upper));
  }
  if (report->auc) {
    text += Row("AUC", report->source_auc ? fmt::format("{:.4f}", *report->source_auc) : "-",
                fmt::format("{:.4f}", *report->auc), "");
  }
  if (report->rmse) {
    text += Row("RMSE", report->source_rmse ? fmt::format("{:.6g}", *report->source_rmse) : "-",
                fmt::format("{:.6g}", *report->rmse), "");
  }
  if (report->logit_noise) {
    text += fmt::format("  {:<16} {} of the outputs' RMS\n", "output noise",
                        percent(*report->logit_noise));
  }
  return text;
}

Json ModelFactsJson(const evidence::ModelFacts& facts) {
  Json json = Json::object();
  json["file"] = facts.file.name;
  json["sha256"] = facts.file.sha256;
  json["bytes"] = FileBytes(facts);
  Json external = Json::array();
  for (const evidence::FileFact& file : facts.external) {
    external.push_back({{"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}});
  }
  json["external"] = std::move(external);
  json["structuralDigest"] = facts.structural_digest;
  json["nodes"] = facts.nodes;
  json["parameters"] = facts.parameters;
  json["nonzeroParameters"] = facts.nonzero_parameters;
  json["weightBytes"] = facts.weight_bytes;
  json["macs"] = facts.macs_complete ? Json(facts.macs) : Json(nullptr);
  json["irVersion"] = facts.ir_version;
  json["opsets"] = Json::object();
  for (const auto& [domain, version] : facts.opsets) json["opsets"][domain] = version;
  const auto tensors = [](const std::vector<evidence::TensorFact>& list) {
    Json array = Json::array();
    for (const evidence::TensorFact& t : list) {
      array.push_back({{"name", t.name}, {"dtype", t.dtype}, {"shape", t.shape}});
    }
    return array;
  };
  json["inputs"] = tensors(facts.inputs);
  json["outputs"] = tensors(facts.outputs);
  json["notExecutable"] = facts.not_executable;
  return json;
}

Json Comparison::ToJson() const {
  Json json = Json::object();
  json["before"] = ModelFactsJson(before);
  json["after"] = ModelFactsJson(after);
  json["report"] = report ? report->ToJson() : Json(nullptr);
  return json;
}

}  // namespace assize::flow
