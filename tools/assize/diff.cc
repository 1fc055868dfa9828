// `assize diff`: two models, or two releases of one recipe. Tests: tests/cli/inspect_test.cc.
#include "lib/flow/inspect.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddDiff(Program& program) {
  CLI::App& app = program.Add(
      "diff", "Compares two models, or two releases of one recipe; exit 1 when they differ",
      "assize diff releases/fashion/1.0.0 elsewhere/fashion/1.0.0");
  struct Flags {
    std::string left, right;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("LEFT", flags->left, "a model file, or the folder of a release")
      ->type_name("")
      ->required();
  app.add_option("RIGHT", flags->right, "another of the same kind")->type_name("")->required();
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(const flow::Differences differences,
                        flow::DiffPaths(flags->left, flags->right));
    output.Data(differences.text);
    output.Document(differences.json);
    return differences.equal ? ExitCode::kOk : ExitCode::kFindings;
  });
}

}  // namespace assize::cli
