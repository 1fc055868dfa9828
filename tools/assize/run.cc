// `assize run`: every output of a model, for every row. Tests: tests/cli/eval_test.cc.
#include "lib/flow/evaluate.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddRun(Program& program) {
  CLI::App& app = program.Add("run", "Runs a model over data and writes its outputs",
                              "assize run model.onnx --data rows.npz -o outputs.npz");
  struct Flags {
    flow::RunRequest request;
    DataFlags data;
    std::string output;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("MODEL", flags->request.model, "the model, an ONNX file")
      ->type_name("")
      ->required();
  AddDataFlags(app, flags->data, true);
  app.add_option("-o,--output", flags->output, "the outputs, each under its name; - for a pipe")
      ->type_name("OUT.npz")
      ->required();
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(flags->request.data, ToUserData(flags->data));
    AZ_ASSIGN_OR_RETURN(OutputFile file,
                        OutputFile::Open(flags->output, "outputs.npz", output.settings()));
    flags->request.output = file.path();
    AZ_ASSIGN_OR_RETURN(const flow::RunResult result,
                        flow::RunFile(flags->request, output.progress()));
    AZ_RETURN_IF_ERROR(file.Deliver(output));
    Json outputs = Json::object();
    std::string text = fmt::format("{} rows\n", result.rows);
    for (const auto& [name, type] : result.outputs) {
      outputs[name] = type;
      text += fmt::format("  {}  {}\n", name, type);
    }
    if (file.piped()) return ExitCode::kOk;
    output.Summary(text + fmt::format("wrote {}\n", file.path()));
    output.Document({{"rows", result.rows}, {"output", file.path()}, {"outputs", outputs}});
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
