// The figures of `bench` as text and as JSON. Tests: tests/flow/bench_test.cc.
#include <algorithm>

#include "lib/evidence/html.h"
#include "lib/flow/bench.h"

namespace assize::flow {
namespace {

constexpr size_t kTextKernels = 12;
constexpr size_t kTextSteps = 10;

std::string Micros(double us) {
  return us < 100    ? fmt::format("{:.2f}", us)
         : us < 1000 ? fmt::format("{:.1f}", us)
                     : fmt::format("{:.0f}", us);
}

double SamplesPerSecond(const BenchResult& result, const BenchFigures& figures) {
  return figures.median_us > 0 ? static_cast<double>(result.batch) * 1e6 / figures.median_us : 0;
}

double Billions(double operations, double seconds) {
  return seconds > 0 ? operations / seconds / 1e9 : 0;
}

// "312 GFLOP/s, 71 % of what it could reach", or "" for a step whose arithmetic is not counted.
std::string Rate(const engine::Peaks& peaks, double operations, double seconds, int64_t bytes,
                 bool integer) {
  if (operations <= 0 || seconds <= 0) return "";
  const double limit = RooflineLimit(peaks, operations, bytes, integer);
  std::string text =
      fmt::format("{:.1f} {}", Billions(operations, seconds), integer ? "GOP/s" : "GFLOP/s");
  if (limit > 0)
    text += fmt::format(", {:.0f} % of the roofline", operations / seconds / limit * 100);
  return text;
}

std::string ModelText(const BenchResult& result, const BenchFigures& figures) {
  std::string text = fmt::format(
      "{}\n  median      {} us a run, {} us 95th percentile, {} us least ({} runs in {} rounds)\n"
      "  samples/s   {:.1f}\n  loading     {:.1f} ms import, {:.1f} ms compile, {:.1f} ms first "
      "run\n",
      figures.path, Micros(figures.median_us), Micros(figures.p95_us), Micros(figures.least_us),
      figures.runs, figures.rounds_us.size(), SamplesPerSecond(result, figures), figures.import_ms,
      figures.compile_ms, figures.first_run_ms);
  text += figures.peak_bytes > 0
              ? fmt::format("  memory      {} above the program itself, at most\n",
                            evidence::HumanBytes(figures.peak_bytes))
              : "  memory      not known on this system\n";
  const std::vector<KernelShare> shares = SharesByKernel(figures);
  double total = 0;
  for (const KernelShare& share : shares) total += share.seconds;
  text += fmt::format(
      "  kernels     share, us a run, steps (profiled runs are slower: {} us in steps)\n",
      Micros(total * 1e6));
  for (size_t i = 0; i < shares.size() && i < kTextKernels; ++i) {
    const KernelShare& share = shares[i];
    const std::string rate =
        Rate(result.peaks, share.operations, share.seconds, share.bytes, share.integer);
    text += fmt::format("    {:<28} {:5.1f} %  {:>9} us  x{}{}{}\n", share.kernel,
                        total > 0 ? share.seconds / total * 100 : 0, Micros(share.seconds * 1e6),
                        share.steps, rate.empty() ? "" : "  ", rate);
  }
  std::vector<const engine::StepProfile*> slowest;
  for (const engine::StepProfile& step : figures.profile) slowest.push_back(&step);
  std::stable_sort(slowest.begin(), slowest.end(),
                   [](const auto* a, const auto* b) { return a->seconds > b->seconds; });
  if (!slowest.empty()) text += "  slowest steps\n";
  const double runs = static_cast<double>(std::max<int64_t>(figures.profile_runs, 1));
  for (size_t i = 0; i < slowest.size() && i < kTextSteps; ++i) {
    const engine::StepProfile& step = *slowest[i];
    const std::string rate =
        Rate(result.peaks, step.info.operations * static_cast<double>(step.runs), step.seconds,
             step.info.bytes * step.runs, step.info.integer);
    text += fmt::format("    {:<44} {:>9} us  {}{}{}\n", step.info.node,
                        Micros(step.seconds / runs * 1e6), step.info.kernel,
                        rate.empty() ? "" : "  ", rate);
  }
  return text;
}

Json ModelJson(const BenchResult& result, const BenchFigures& figures) {
  Json json = {{"path", figures.path},
               {"medianMicros", figures.median_us},
               {"p95Micros", figures.p95_us},
               {"leastMicros", figures.least_us},
               {"samplesPerSecond", SamplesPerSecond(result, figures)},
               {"runs", figures.runs},
               {"roundsMicros", figures.rounds_us},
               {"importMillis", figures.import_ms},
               {"compileMillis", figures.compile_ms},
               {"firstRunMillis", figures.first_run_ms},
               {"peakBytes", figures.peak_bytes},
               {"profiledRuns", figures.profile_runs},
               {"steps", Json::array()}};
  const double runs = static_cast<double>(std::max<int64_t>(figures.profile_runs, 1));
  for (const engine::StepProfile& step : figures.profile) {
    const double times = static_cast<double>(step.runs) / runs;
    const double operations = step.info.operations * times, seconds = step.seconds / runs;
    const auto bytes = static_cast<int64_t>(static_cast<double>(step.info.bytes) * times);
    Json row = {{"node", step.info.node},      {"op", step.info.op_type},
                {"kernel", step.info.kernel},  {"micros", seconds * 1e6},
                {"operations", operations},    {"bytes", bytes},
                {"integer", step.info.integer}};
    if (operations > 0 && seconds > 0) {
      row["billionPerSecond"] = Billions(operations, seconds);
      row["rooflineBillionPerSecond"] =
          RooflineLimit(result.peaks, operations, bytes, step.info.integer) / 1e9;
    }
    json["steps"].push_back(std::move(row));
  }
  return json;
}

}  // namespace

std::string BenchText(const BenchResult& result) {
  std::string text = fmt::format(
      "batch {}, {} {}, {}; fed with {}: {}\npeaks here: {:.0f} GFLOP/s, {:.0f} GOP/s on 8-bit "
      "integers ({}), "
      "{:.1f} GB/s from memory\n",
      result.batch, result.threads, result.threads == 1 ? "thread" : "threads",
      result.instruction_set, result.feeds, fmt::join(result.inputs, ", "),
      result.peaks.flops / 1e9, result.peaks.integer_ops / 1e9, result.peaks.how,
      result.peaks.bytes_per_second / 1e9);
  for (const BenchFigures& figures : result.models) text += ModelText(result, figures);
  if (result.models.size() == 2) {
    text += fmt::format(
        "{} is {:.3f} times as fast as {}; their outputs differ by {:.1e} of the largest value\n",
        result.models[0].path, result.speedup, result.models[1].path, result.largest_difference);
  }
  return text;
}

Json BenchJson(const BenchResult& result) {
  Json json = {{"batch", result.batch},
               {"threads", result.threads},
               {"instructionSet", result.instruction_set},
               {"inputs", result.inputs},
               {"feeds", result.feeds},
               {"peaks",
                {{"gflops", result.peaks.flops / 1e9},
                 {"integerGops", result.peaks.integer_ops / 1e9},
                 {"gigabytesPerSecond", result.peaks.bytes_per_second / 1e9},
                 {"instructions", result.peaks.how}}},
               {"turns", result.turns},
               {"models", Json::array()}};
  for (const BenchFigures& figures : result.models)
    json["models"].push_back(ModelJson(result, figures));
  if (result.models.size() == 2) {
    json["speedup"] = result.speedup;
    json["largestDifference"] = result.largest_difference;
  }
  return json;
}

}  // namespace assize::flow
