// `assize eval`: how good is a model on labelled rows, alone or against its source? Tests:
// tests/cli/eval_test.cc.
#include "lib/flow/evaluate.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddEval(Program& program) {
  CLI::App& app = program.Add("eval", "Measures a model on data, alone or against its source model",
                              "assize eval int8.onnx --data test.npz --against model.onnx");
  struct Flags {
    flow::EvaluateRequest request;
    DataFlags data;
  };
  auto flags = std::make_shared<Flags>();
  flow::EvaluateRequest& request = flags->request;
  app.add_option("MODEL", request.model, "the model, an ONNX file")->type_name("")->required();
  AddDataFlags(app, flags->data, true);
  app.add_option("--against", request.against, "the source model: adds flips and paired drops")
      ->type_name("SOURCE.onnx");
  app.add_option("--output", request.output, "the output to judge; default: the first")
      ->type_name("NAME");
  app.add_option("--seed", request.seed, "seed of bootstrap bounds; default: 0")->type_name("N");
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(flags->request.data, ToUserData(flags->data));
    AZ_ASSIGN_OR_RETURN(const eval::Report report,
                        flow::EvaluateFile(flags->request, output.progress()));
    output.Data(flow::ReportText(report));
    output.Document(flow::EvaluateJson(report));
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
