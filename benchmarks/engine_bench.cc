// How long the engine takes on the shipped models, by batch: microseconds a run, rows a second.
//
//   cmake --preset bench && cmake --build --preset bench &&
//   build/bench/benchmarks/assize_engine_bench
#include <benchmark/benchmark.h>

#include <vector>

#include "lib/engine/engine.h"
#include "lib/flow/model_file.h"
#include "lib/support/parallel.h"
#include "lib/support/random.h"

namespace {

// Normal noise for every input, symbolic first dimension bound to `rows`.
std::map<std::string, assize::ir::Tensor> Noise(const assize::ir::Model& model, int64_t rows) {
  std::map<std::string, assize::ir::Tensor> feeds;
  assize::Philox random(1);
  for (const assize::ir::ValueRef ref : model.graph.inputs()) {
    const assize::ir::Value& input = model.graph.value(ref);
    assize::ir::Shape dims;
    for (const assize::ir::Dim& dim : *input.type.shape) dims.push_back(dim.value.value_or(rows));
    std::vector<float> values(static_cast<size_t>(*assize::ir::ElementCount(dims)));
    for (float& value : values) value = static_cast<float>(random.NextNormal());
    feeds.emplace(input.name, assize::ir::Tensor::Of<float>(dims, values));
  }
  return feeds;
}

void RunModel(benchmark::State& state, const std::string& path) {
  assize::SetThreadCount(1);
  const auto loaded = assize::flow::LoadModel(std::string(ASSIZE_SOURCE_DIR) + "/examples/" + path);
  if (!loaded.ok()) return state.SkipWithError(assize::Message(loaded.status()).c_str());
  const auto program = assize::engine::Compile(loaded->model());
  if (!program.ok()) return state.SkipWithError(assize::Message(program.status()).c_str());
  assize::engine::Session session(*program);
  const auto feeds = Noise(loaded->model(), state.range(0));
  for (auto step : state) benchmark::DoNotOptimize(session.Run(feeds));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(RunModel, breast_cancer, "breast-cancer/wdbc_mlp.onnx")->Arg(1)->Arg(8);
BENCHMARK_CAPTURE(RunModel, chest_xray, "chest-xray/pneumonia_cnn.onnx")->Arg(1)->Arg(8);
BENCHMARK_CAPTURE(RunModel, fashion, "fashion/fashion_mobilenetv2_mini.onnx")->Arg(1)->Arg(8);

}  // namespace
