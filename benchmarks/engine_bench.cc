// How long the engine takes on the shipped models, by batch: microseconds a run, rows a second.
//
//   cmake --preset bench && cmake --build --preset bench &&
//   build/bench/benchmarks/assize_engine_bench
#include <benchmark/benchmark.h>

#include "lib/engine/engine.h"
#include "lib/flow/bench_feeds.h"
#include "lib/flow/model_file.h"
#include "lib/support/parallel.h"

namespace {

void RunModel(benchmark::State& state, const std::string& path) {
  assize::SetThreadCount(1);
  const auto loaded = assize::flow::LoadModel(std::string(ASSIZE_SOURCE_DIR) + "/examples/" + path);
  if (!loaded.ok()) return state.SkipWithError(assize::Message(loaded.status()).c_str());
  const auto program = assize::engine::Compile(loaded->model());
  if (!program.ok()) return state.SkipWithError(assize::Message(program.status()).c_str());
  assize::engine::Session session(*program);
  const auto made = assize::flow::MakeBenchFeeds(loaded->model(), state.range(0), {}, {});
  if (!made.ok()) return state.SkipWithError(assize::Message(made.status()).c_str());
  for (auto step : state) benchmark::DoNotOptimize(session.Run(made->feeds));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(RunModel, breast_cancer, "breast-cancer/wdbc_mlp.onnx")->Arg(1)->Arg(8);
BENCHMARK_CAPTURE(RunModel, chest_xray, "chest-xray/pneumonia_cnn.onnx")->Arg(1)->Arg(8);
BENCHMARK_CAPTURE(RunModel, fashion, "fashion/fashion_mobilenetv2_mini.onnx")->Arg(1)->Arg(8);

}  // namespace
