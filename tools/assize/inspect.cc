// `assize inspect`: what is in a model file. Tests: tests/cli/inspect_test.cc.
#include "lib/flow/inspect.h"

#include "tools/assize/program.h"

namespace assize::cli {

void AddInspect(Program& program) {
  CLI::App& app =
      program.Add("inspect", "Describes a model: interface, ops, sizes, MACs, what cannot run here",
                  "assize inspect model.onnx --full");
  struct Flags {
    std::string model;
    bool full = false;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("MODEL", flags->model, "the model, an ONNX file")->type_name("")->required();
  app.add_flag("--full", flags->full, "the whole graph as text too");
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(const flow::Inspection inspection,
                        flow::InspectModel(flags->model, flags->full));
    output.Data(inspection.text);
    output.Document(inspection.json);
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
