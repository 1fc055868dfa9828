// CycloneDX 1.6 machine-learning BOM. Facts of the format that are easy to miss: metric values are
// strings, `data` belongs to components of type `data` only, and unknown members are refused.
#include "lib/evidence/documents.h"
#include "lib/evidence/types.h"
#include "lib/support/clock.h"

namespace assize::evidence {
namespace {

Json Hashes(const std::string& sha256) {
  return Json::array({Json{{"alg", "SHA-256"}, {"content", sha256}}});
}

std::string Number(double value) { return fmt::format("{}", value); }

Json Metric(const std::string& type, double value, const std::string& slice) {
  return Json{{"type", type}, {"value", Number(value)}, {"slice", slice}};
}

Json RateMetric(const std::string& type, const eval::Proportion& rate, const std::string& slice) {
  Json metric = Metric(type, rate.value(), slice);
  metric["confidenceInterval"] =
      Json{{"lowerBound", Number(rate.lower)}, {"upperBound", Number(rate.upper)}};
  return metric;
}

Json Metrics(const eval::Report& report) {
  Json metrics = Json::array();
  const std::string all = fmt::format("all {} samples of the evaluation set", report.n);
  if (report.top1) metrics.push_back(RateMetric("top1", *report.top1, all));
  if (report.source_top1)
    metrics.push_back(RateMetric("source model: top1", *report.source_top1, all));
  if (report.flips)
    metrics.push_back(RateMetric("flip_rate against the source model", *report.flips, all));
  if (report.auc) metrics.push_back(Metric("auc", *report.auc, all));
  if (report.source_auc) metrics.push_back(Metric("source model: auc", *report.source_auc, all));
  if (report.rmse) metrics.push_back(Metric("rmse", *report.rmse, all));
  if (report.source_rmse) metrics.push_back(Metric("source model: rmse", *report.source_rmse, all));
  for (const eval::ClassSlice& slice : report.slices) {
    const std::string where =
        fmt::format("{} samples labelled class {}", slice.model.n, slice.class_index);
    metrics.push_back(RateMetric("recall", slice.model, where));
    if (slice.source) metrics.push_back(RateMetric("source model: recall", *slice.source, where));
  }
  for (const eval::Judged& judged : report.criteria) {
    Json metric = Metric(
        "criterion " + judged.criterion.id, judged.verdict.estimate,
        fmt::format("{}; {} samples", eval::OutcomeName(judged.verdict.outcome), judged.verdict.n));
    metric["confidenceInterval"] = Json{{"lowerBound", Number(judged.verdict.lower)},
                                        {"upperBound", Number(judged.verdict.upper)}};
    metrics.push_back(std::move(metric));
  }
  return metrics;
}

Json Tensors(const std::vector<TensorFact>& tensors) {
  Json list = Json::array();
  for (const TensorFact& tensor : tensors) {
    list.push_back({{"format", fmt::format("{}: {} {}", tensor.name, tensor.dtype, tensor.shape)}});
  }
  return list;
}

Json Properties(const ModelFacts& model) {
  Json list = Json::array();
  auto add = [&](const std::string& name, const std::string& value) {
    list.push_back({{"name", "assize:" + name}, {"value", value}});
  };
  add("structuralDigest", model.structural_digest);
  add("nodes", fmt::format("{}", model.nodes));
  add("parameters", fmt::format("{}", model.parameters));
  add("nonzeroParameters", fmt::format("{}", model.nonzero_parameters));
  add("weightBytes", fmt::format("{}", model.weight_bytes));
  add("macs", fmt::format("{}{}", model.macs, model.macs_complete ? "" : " at least"));
  add("irVersion", fmt::format("{}", model.ir_version));
  for (const auto& [domain, version] : model.opsets) {
    add("opset:" + domain, fmt::format("{}", version));
  }
  return list;
}

Json FileComponents(const std::vector<FileFact>& files, const std::string& prefix) {
  Json list = Json::array();
  for (const FileFact& file : files) {
    list.push_back({{"type", "file"},
                    {"bom-ref", prefix + file.name},
                    {"name", file.name},
                    {"hashes", Hashes(file.sha256)}});
  }
  return list;
}

}  // namespace

Json MlBom(const BuildFacts& build, const ReleaseFacts& release) {
  const PlanFacts& plan = build.plan;
  Json datasets = Json::array(), components = Json::array(), depends = Json::array();

  Json source{{"type", "machine-learning-model"},
              {"bom-ref", "source-model"},
              {"name", plan.source.file.name},
              {"hashes", Hashes(plan.source.file.sha256)},
              {"properties", Properties(plan.source)}};
  if (!plan.source.external.empty()) {
    source["components"] = FileComponents(plan.source.external, "source-model/");
  }
  components.push_back(std::move(source));
  depends.push_back("source-model");
  for (const SplitFacts& split : build.splits) {
    const std::string ref = "data/" + split.name;
    Json component{
        {"type", "data"},
        {"bom-ref", ref},
        {"name", fmt::format("{} split of {}", split.name, split.from)},
        {"hashes", Hashes(split.digest)},
        {"data",
         Json::array({Json{
             {"type", "dataset"},
             {"name", split.from},
             {"classification", plan.classification},
             {"description", fmt::format("{} rows; the hash is over files, rows, preprocessing and "
                                         "labels",
                                         split.rows)}}})}};
    components.push_back(std::move(component));
    datasets.push_back({{"ref", ref}});
    depends.push_back(ref);
  }
  Json tools = Json::array();
  for (size_t i = 0; i < build.tools.size(); ++i) {
    const ToolFact& tool = build.tools[i];
    Json component{{"type", i == 0 ? "application" : "library"},
                   {"bom-ref", fmt::format("tool/{}", tool.name)},
                   {"name", tool.name},
                   {"version", tool.version}};
    if (!tool.sha256.empty()) component["hashes"] = Hashes(tool.sha256);
    tools.push_back(std::move(component));
  }

  Json limitations = Json::array();
  for (const std::string& limit : build.limits) limitations.push_back(limit);
  limitations.push_back(
      "The metrics hold for the evaluation set that the hash names, and for no other population.");
  std::string approach = fmt::format("made from {} by {}", plan.source.file.name,
                                     plan.pipeline.empty() ? "no pass" : plan.pipeline);
  Json card{{"bom-ref", "model-card"},
            {"modelParameters", Json{{"datasets", std::move(datasets)},
                                     {"inputs", Tensors(build.result.inputs)},
                                     {"outputs", Tensors(build.result.outputs)}}},
            {"quantitativeAnalysis", Json{{"performanceMetrics", Metrics(build.report)}}},
            {"considerations", Json{{"technicalLimitations", std::move(limitations)}}}};
  Json model{{"type", "machine-learning-model"},
             {"bom-ref", "model"},
             {"name", plan.name},
             {"version", plan.version},
             {"description", std::move(approach)},
             {"hashes", Hashes(build.result.file.sha256)},
             {"components", FileComponents(release.files, "model/")},
             {"modelCard", std::move(card)},
             {"properties", Properties(build.result)}};
  model["properties"].push_back(
      {{"name", "assize:listingDigest"}, {"value", release.listing_sha256}});
  model["properties"].push_back({{"name", "assize:rootDigest"}, {"value", release.root_sha256}});

  return Json{
      {"$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json"},
      {"bomFormat", "CycloneDX"},
      {"specVersion", "1.6"},
      {"serialNumber", "urn:uuid:" + UuidV5("https://assize.dev/mlbom/" + release.listing_sha256)},
      {"version", 1},
      {"metadata", Json{{"timestamp", Rfc3339(build.finished_at)},
                        {"tools", Json{{"components", std::move(tools)}}},
                        {"component", std::move(model)}}},
      {"components", std::move(components)},
      {"dependencies", Json::array({Json{{"ref", "model"}, {"dependsOn", std::move(depends)}}})}};
}

}  // namespace assize::evidence
