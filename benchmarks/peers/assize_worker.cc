// One runtime of benchmarks/peers/run.py: answers requests on standard input, a JSON object a line,
// with an object a line. The Python workers of the other runtimes speak the same:
//
//   {"do": "load", "model": FILE, "feeds": FILE.npz, "threads": N}  ->  {"load_s": s, "first_s": s}
//   {"do": "round", "seconds": s, "runs": least, "warm": first}     ->  {"ns": [one number per
//   run]}
//   {"do": "outputs", "path": FILE.npz}                             ->  {}
//   {"do": "memory"}                          ->  {"peak": bytes since the last load began, "base":
//   bytes before it}
//   {"do": "profile", "runs": n} (this one alone)  ->  {"steps": [{kernel, count, seconds,
//   operations, integer}]}
//
// An error answers {"error": text} and the process goes on. Ends with its input.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <utility>

#include "lib/data/npz.h"
#include "lib/engine/engine.h"
#include "lib/onnx/onnx.h"
#include "lib/support/json.h"
#include "lib/support/parallel.h"
#include "lib/support/process_memory.h"
#include "lib/verify/verify.h"

namespace assize {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The element types that models of the benchmarks are fed and give.
constexpr std::pair<data::DType, ir::DType> kTypes[] = {
    {data::DType::kF32, ir::DType::kFloat}, {data::DType::kF64, ir::DType::kDouble},
    {data::DType::kI64, ir::DType::kInt64}, {data::DType::kI32, ir::DType::kInt32},
    {data::DType::kU8, ir::DType::kUint8},  {data::DType::kI8, ir::DType::kInt8}};

class Worker {
 public:
  StatusOr<Json> Answer(const Json& request) {
    AZ_ASSIGN_OR_RETURN(const std::string what, JsonString(request, "do", "request"));
    if (what == "load") return Load(request);
    if (what == "version")
      return Json{{"version", ASSIZE_VERSION}, {"instruction_set", engine::InstructionSet()}};
    if (what == "memory") return Json{{"peak", PeakResidentBytes()}, {"base", base_}};
    if (!session_) return FailedPrecondition("no model is loaded");
    if (what == "round") return Round(request);
    if (what == "outputs") return Outputs(request);
    if (what == "profile") return Profile(request);
    return InvalidArgument("\"{}\" is no request; expected load, round, outputs, memory or profile",
                           what);
  }

 private:
  StatusOr<Json> Load(const Json& request) {
    AZ_ASSIGN_OR_RETURN(const std::string path, JsonString(request, "model", "request"));
    AZ_ASSIGN_OR_RETURN(const std::string feeds, JsonString(request, "feeds", "request"));
    AZ_ASSIGN_OR_RETURN(const int64_t threads, JsonInt(request, "threads", "request"));
    session_.reset();
    feeds_.clear();
    ::malloc_trim(0);
    SetThreadCount(static_cast<int>(threads));
    AZ_ASSIGN_OR_RETURN(const auto arrays, data::ReadNpz(feeds));
    for (const auto& [name, array] : arrays) {
      for (const auto& [from, to] : kTypes) {
        if (array.dtype == from)
          feeds_.emplace(name, ir::Tensor::View(to, array.shape, array.bytes, array.owner));
      }
    }
    ForgetPeakResidentBytes();
    base_ = ResidentBytes();
    const Clock::time_point begin = Clock::now();
    {
      onnx::ImportOptions options;
      options.digests = false;
      AZ_ASSIGN_OR_RETURN(onnx::Imported imported, onnx::ImportFile(path, options));
      AZ_RETURN_IF_ERROR(verify::CheckModel(imported.model));
      AZ_ASSIGN_OR_RETURN(auto program, engine::Compile(std::move(imported.model)));
      session_ = std::make_unique<engine::Session>(std::move(program));
    }
    const double load = SecondsSince(begin);
    const Clock::time_point first = Clock::now();
    AZ_ASSIGN_OR_RETURN(const auto outputs, session_->Run(feeds_));
    return Json{{"load_s", load}, {"first_s", SecondsSince(first)}, {"outputs", outputs.size()}};
  }

  StatusOr<Json> Round(const Json& request) {
    AZ_ASSIGN_OR_RETURN(const double seconds, JsonNumber(request, "seconds", "request"));
    AZ_ASSIGN_OR_RETURN(const int64_t least, JsonInt(request, "runs", "request"));
    AZ_ASSIGN_OR_RETURN(const int64_t warm, JsonInt(request, "warm", "request"));
    // What others left in the caches is no part of the round.
    for (int64_t run = 0; run < warm; ++run) AZ_RETURN_IF_ERROR(session_->Run(feeds_).status());
    Json times = Json::array();
    const Clock::time_point begin = Clock::now();
    Clock::time_point last = begin;
    for (int64_t run = 0; run < least || SecondsSince(begin) < seconds; ++run) {
      AZ_ASSIGN_OR_RETURN(const auto outputs, session_->Run(feeds_));
      const Clock::time_point now = Clock::now();
      times.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(now - last).count());
      last = Clock::now();
    }
    return Json{{"ns", std::move(times)}};
  }

  StatusOr<Json> Outputs(const Json& request) {
    AZ_ASSIGN_OR_RETURN(const std::string path, JsonString(request, "path", "request"));
    AZ_ASSIGN_OR_RETURN(const std::vector<ir::Tensor> outputs, session_->Run(feeds_));
    std::map<std::string, data::Array> arrays;
    for (size_t i = 0; i < outputs.size(); ++i) {
      for (const auto& [to, from] : kTypes) {
        if (outputs[i].dtype() != from) continue;
        AZ_ASSIGN_OR_RETURN(data::Array array,
                            data::Array::View(to, outputs[i].dims(), outputs[i].bytes(),
                                              std::make_shared<const ir::Tensor>(outputs[i])));
        arrays.emplace(fmt::format("output_{:03}", i), std::move(array));
      }
    }
    AZ_RETURN_IF_ERROR(data::WriteNpz(path, arrays));
    return Json::object();
  }

  // Seconds and operations of one run, by kernel, largest first.
  StatusOr<Json> Profile(const Json& request) {
    AZ_ASSIGN_OR_RETURN(const int64_t runs, JsonInt(request, "runs", "request"));
    session_->set_profiling(true);
    for (int64_t run = 0; run < runs; ++run) AZ_RETURN_IF_ERROR(session_->Run(feeds_).status());
    session_->set_profiling(false);
    struct Sum {
      int64_t count = 0;
      double seconds = 0, operations = 0;
      bool integer = false;
    };
    std::map<std::string, Sum> sums;
    for (const engine::StepProfile& step : session_->Profile()) {
      if (step.runs == 0) continue;
      Sum& sum = sums[step.info.kernel];
      sum.count += 1;
      sum.seconds += step.seconds / static_cast<double>(runs);
      sum.operations +=
          step.info.operations * static_cast<double>(step.runs) / static_cast<double>(runs);
      sum.integer = sum.integer || step.info.integer;
    }
    std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return a.second.seconds > b.second.seconds;
    });
    Json steps = Json::array();
    for (const auto& [kernel, sum] : order) {
      steps.push_back({{"kernel", kernel},
                       {"count", sum.count},
                       {"seconds", sum.seconds},
                       {"operations", sum.operations},
                       {"integer", sum.integer}});
    }
    return Json{{"steps", std::move(steps)}};
  }

  std::map<std::string, ir::Tensor> feeds_;
  std::unique_ptr<engine::Session> session_;
  int64_t base_ = 0;
};

}  // namespace
}  // namespace assize

int main() {
  assize::Worker worker;
  for (std::string line; std::getline(std::cin, line);) {
    assize::Json answer;
    const auto request = assize::ParseJson(line, "request");
    const auto result = request.ok() ? worker.Answer(*request) : request;
    if (result.ok()) {
      answer = *result;
    } else {
      answer["error"] = assize::Message(result.status());
    }
    std::cout << assize::DumpJson(answer) << std::endl;
  }
  return 0;
}
