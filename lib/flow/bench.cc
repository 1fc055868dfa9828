// Rounds, figures and their text. Tests: tests/flow/bench_test.cc.
#include "lib/flow/bench.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "lib/evidence/html.h"
#include "lib/flow/bench_feeds.h"
#include "lib/flow/model_file.h"
#include "lib/support/clock.h"
#include "lib/support/parallel.h"
#include "lib/support/process_memory.h"

namespace assize::flow {
namespace {

constexpr int kLeastRounds = 5;
constexpr double kProfileSeconds = 0.5;
// A first run in a round that fast is one more of the kind "caches hold what somebody else put
// there".
constexpr double kWarmUnderSeconds = 0.02;

using Feeds = std::map<std::string, ir::Tensor>;

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The smallest value that `share` of the values do not exceed.
double Percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

// One model, ready to run, and what was measured of it.
struct Contender {
  BenchFigures figures;
  std::unique_ptr<engine::Session> session;
  std::vector<ir::Tensor> outputs;  // of the first run
  std::vector<double> all_us;

  StatusOr<double> RunMicros(const Feeds& feeds, const std::function<int64_t()>& nanos) {
    const int64_t begin = nanos();
    AZ_RETURN_IF_ERROR(session->Run(feeds).status());
    return static_cast<double>(nanos() - begin) / 1e3;
  }
};

Status Load(Contender& contender, LoadedModel loaded, const Feeds& feeds,
            const std::function<int64_t()>& nanos, int64_t base_bytes) {
  const int64_t begin = nanos();
  AZ_ASSIGN_OR_RETURN(auto program, engine::Compile(std::move(loaded.imported.model)));
  contender.session = std::make_unique<engine::Session>(std::move(program));
  const int64_t compiled = nanos();
  AZ_ASSIGN_OR_RETURN(contender.outputs, contender.session->Run(feeds));
  contender.figures.compile_ms = static_cast<double>(compiled - begin) / 1e6;
  contender.figures.first_run_ms = static_cast<double>(nanos() - compiled) / 1e6;
  contender.figures.peak_bytes = std::max<int64_t>(PeakResidentBytes() - base_bytes, 0);
  return OkStatus();
}

// A round: runs until `seconds` are over, one at least.
Status Round(Contender& contender, const Feeds& feeds, const BenchRequest& request,
             const std::function<int64_t()>& nanos, bool warm) {
  if (warm) AZ_RETURN_IF_ERROR(contender.RunMicros(feeds, nanos).status());
  std::vector<double> times;
  const int64_t end = nanos() + static_cast<int64_t>(request.round_seconds * 1e9);
  do {
    AZ_ASSIGN_OR_RETURN(const double micros, contender.RunMicros(feeds, nanos));
    times.push_back(micros);
  } while (nanos() < end);
  contender.figures.rounds_us.push_back(Median(times));
  contender.all_us.insert(contender.all_us.end(), times.begin(), times.end());
  return OkStatus();
}

Status Profile(Contender& contender, const Feeds& feeds) {
  BenchFigures& figures = contender.figures;
  figures.profile_runs = std::clamp<int64_t>(
      static_cast<int64_t>(kProfileSeconds * 1e6 / std::max(figures.median_us, 1.0)), 1, 200);
  contender.session->set_profiling(true);
  for (int64_t run = 0; run < figures.profile_runs; ++run)
    AZ_RETURN_IF_ERROR(contender.session->Run(feeds).status());
  contender.session->set_profiling(false);
  figures.profile = contender.session->Profile();
  return OkStatus();
}

void Summarize(Contender& contender) {
  BenchFigures& figures = contender.figures;
  figures.median_us = Median(figures.rounds_us);
  figures.p95_us = Percentile(contender.all_us, 0.95);
  figures.least_us = *std::min_element(contender.all_us.begin(), contender.all_us.end());
  figures.runs = static_cast<int64_t>(contender.all_us.size());
}

// |a - b| at most, as a share of the largest |b|. InvalidArgument when the outputs are not of one
// form.
StatusOr<double> LargestDifference(const Contender& a, const Contender& b) {
  if (a.outputs.size() != b.outputs.size()) {
    return InvalidArgument("{} has {} outputs and {} has {}; expected as many", a.figures.path,
                           a.outputs.size(), b.figures.path, b.outputs.size());
  }
  double largest = 0;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    if (a.outputs[i].dims() != b.outputs[i].dims() ||
        a.outputs[i].dtype() != b.outputs[i].dtype()) {
      return InvalidArgument("output {} is {} in {} and {} in {}; expected the same", i,
                             a.outputs[i].TypeText(), a.figures.path, b.outputs[i].TypeText(),
                             b.figures.path);
    }
    if (a.outputs[i].dtype() != ir::DType::kFloat) continue;
    const auto left = a.outputs[i].data<float>(), right = b.outputs[i].data<float>();
    double difference = 0, scale = 0;
    for (size_t k = 0; k < left.size(); ++k) {
      difference = std::max(difference, std::abs(static_cast<double>(left[k]) - right[k]));
      scale = std::max(scale, std::abs(static_cast<double>(right[k])));
    }
    if (scale > 0) largest = std::max(largest, difference / scale);
  }
  return largest;
}

}  // namespace

StatusOr<BenchResult> RunBench(const BenchRequest& request, Progress& progress) {
  const std::function<int64_t()> nanos = request.nanos ? request.nanos : MonotonicNanos;
  std::vector<std::string> paths = {request.model};
  if (!request.against.empty()) paths.push_back(request.against);

  BenchResult result;
  result.threads = ThreadCount();
  result.instruction_set = engine::InstructionSet();
  LoadOptions to_run;
  to_run.digests = false;
  std::vector<Contender> contenders(paths.size());
  Feeds feeds;
  for (size_t i = 0; i < paths.size(); ++i) {
    Contender& contender = contenders[i];
    contender.figures.path = paths[i];
    ForgetPeakResidentBytes();
    const int64_t base_bytes = ResidentBytes();
    const int64_t begin = nanos();
    AZ_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(paths[i], to_run));
    contender.figures.import_ms = static_cast<double>(nanos() - begin) / 1e6;
    if (i == 0) {
      AZ_ASSIGN_OR_RETURN(BenchFeeds made, MakeBenchFeeds(loaded.model(), request.batch,
                                                          request.dims, request.data));
      feeds = std::move(made.feeds);
      result.batch = made.batch;
      result.inputs = std::move(made.inputs);
      result.feeds = std::move(made.source);
    } else if (const Status same = SameInputs(loaded.model(), feeds); !same.ok()) {
      return Annotate(same, paths[i] + " cannot take what " + paths[0] + " is fed");
    }
    if (const Status ready = Load(contender, std::move(loaded), feeds, nanos, base_bytes);
        !ready.ok())
      return Annotate(ready, paths[i]);
  }

  // One timed run each tells how many rounds the budget allows.
  double slowest = 0;
  for (Contender& contender : contenders) {
    AZ_ASSIGN_OR_RETURN(const double micros, contender.RunMicros(feeds, nanos));
    slowest = std::max(slowest, micros / 1e6);
  }
  const bool warm = slowest < kWarmUnderSeconds;
  const double turn = std::max(slowest, request.round_seconds) + (warm ? slowest : 0);
  const int most = std::max(request.rounds, 1);
  const double affordable = std::min<double>(request.budget_seconds / std::max(turn, 1e-6), most);
  const int rounds = std::max(static_cast<int>(affordable), std::min(kLeastRounds, most));
  progress.Start("rounds", rounds);
  for (int round = 0; round < rounds; ++round) {
    AZ_RETURN_IF_ERROR(CheckInterrupted());
    for (size_t turn_of = 0; turn_of < contenders.size(); ++turn_of) {
      // A B, then B A: whoever comes second has the warmer machine, in turns.
      const size_t who = round % 2 == 0 ? turn_of : contenders.size() - 1 - turn_of;
      AZ_RETURN_IF_ERROR(Round(contenders[who], feeds, request, nanos, warm));
      result.turns += who == 0 ? 'A' : 'B';
    }
    progress.Advance(round + 1);
  }
  progress.Finish();

  for (Contender& contender : contenders) {
    Summarize(contender);
    AZ_RETURN_IF_ERROR(Profile(contender, feeds));
  }
  if (contenders.size() == 2) {
    AZ_ASSIGN_OR_RETURN(result.largest_difference, LargestDifference(contenders[0], contenders[1]));
    std::vector<double> ratios;
    for (size_t round = 0; round < contenders[0].figures.rounds_us.size(); ++round) {
      ratios.push_back(contenders[1].figures.rounds_us[round] /
                       std::max(contenders[0].figures.rounds_us[round], 1e-9));
    }
    result.speedup = Median(ratios);
  }
  for (Contender& contender : contenders) result.models.push_back(std::move(contender.figures));
  result.peaks = engine::MeasurePeaks(nanos);
  return result;
}

std::vector<KernelShare> SharesByKernel(const BenchFigures& figures) {
  std::map<std::string, KernelShare> sums;
  const double runs = static_cast<double>(std::max<int64_t>(figures.profile_runs, 1));
  for (const engine::StepProfile& step : figures.profile) {
    if (step.runs == 0) continue;
    KernelShare& share = sums[step.info.kernel];
    const double times =
        static_cast<double>(step.runs) / runs;  // a plan of one row runs once a row
    share.kernel = step.info.kernel;
    share.steps += 1;
    share.seconds += step.seconds / runs;
    share.operations += step.info.operations * times;
    share.bytes += static_cast<int64_t>(static_cast<double>(step.info.bytes) * times);
    share.integer = share.integer || step.info.integer;
  }
  std::vector<KernelShare> shares;
  for (auto& [kernel, share] : sums) shares.push_back(std::move(share));
  std::stable_sort(shares.begin(), shares.end(), [](const KernelShare& a, const KernelShare& b) {
    return a.seconds > b.seconds;
  });
  return shares;
}

double RooflineLimit(const engine::Peaks& peaks, double operations, int64_t bytes, bool integer) {
  const double arithmetic = integer ? peaks.integer_ops : peaks.flops;
  if (bytes <= 0) return arithmetic;
  return std::min(arithmetic, operations / static_cast<double>(bytes) * peaks.bytes_per_second);
}

}  // namespace assize::flow
