// `assize bench`: how long a model takes, and where its time goes. Tests: tests/cli/bench_test.cc.
#include "lib/flow/bench.h"

#include "tools/assize/program.h"

namespace assize::cli {
namespace {

// NAME=N of --dim.
StatusOr<std::map<std::string, int64_t>> ParseDims(const std::vector<std::string>& texts) {
  std::map<std::string, int64_t> dims;
  for (const std::string& text : texts) {
    const size_t at = text.rfind('=');
    char* end = nullptr;
    const std::string number = at == std::string::npos ? "" : text.substr(at + 1);
    const long long size = std::strtoll(number.c_str(), &end, 10);
    if (at == 0 || number.empty() || *end != '\0' || size < 1 || size > (1 << 30))
      return UsageError("--dim {}: expected NAME=N with N from 1 to {}, as in --dim sequence=128",
                        text, 1 << 30);
    if (!dims.emplace(text.substr(0, at), size).second)
      return UsageError("--dim {}: given twice", text.substr(0, at));
  }
  return dims;
}

}  // namespace

void AddBench(Program& program) {
  CLI::App& app = program.Add(
      "bench", "Measures how long a model takes and where its time goes, alone or against another",
      "assize bench int8.onnx --against model.onnx --threads 1 --html bench.html");
  struct Flags {
    flow::BenchRequest request;
    DataFlags data;
    std::vector<std::string> dims;
    std::string html;
  };
  auto flags = std::make_shared<Flags>();
  flow::BenchRequest& request = flags->request;
  app.add_option("MODEL", request.model, "the model, an ONNX file")->type_name("")->required();
  app.add_option("--against", request.against,
                 "another model of the same inputs; the two take turns")
      ->type_name("OTHER.onnx");
  app.add_option("--batch", request.batch, "rows a run; default: what the model fixes, or 1")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--dim", flags->dims,
                 "the size of another symbolic dim, as in sequence=128; may be repeated")
      ->type_name("NAME=N");
  AddDataFlags(app, flags->data, false);
  app.add_option("--rounds", request.rounds, "rounds at most; slow models get fewer")
      ->type_name("N")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--seconds", request.budget_seconds, "of rounds for each model, about")
      ->type_name("S")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--html", flags->html, "write a page with the profile and the roofline")
      ->type_name("OUT.html");
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(flags->request.dims, ParseDims(flags->dims));
    AZ_ASSIGN_OR_RETURN(flags->request.data, ToUserData(flags->data));
    AZ_ASSIGN_OR_RETURN(const flow::BenchResult result,
                        flow::RunBench(flags->request, output.progress()));
    output.Data(flow::BenchText(result));
    Json document = flow::BenchJson(result);
    if (!flags->html.empty()) {
      AZ_RETURN_IF_ERROR(WriteFileAtomic(flags->html, flow::BenchHtml(result)));
      output.Summary(fmt::format("wrote {}\n", flags->html));
      document["html"] = flags->html;
    }
    output.Document(document);
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
