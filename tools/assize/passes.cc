// `assize passes`: the catalogue of passes with their options. Tests: tests/cli/help_test.cc.
#include "lib/flow/catalogue.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddPasses(Program& program) {
  CLI::App& app = program.Add("passes", "Lists the passes, what each promises, and its options",
                              "assize passes");
  auto markdown = std::make_shared<bool>(false);
  app.add_flag("--markdown", *markdown, "print the catalogue as Markdown");
  program.Does(app, [markdown](Output& output) -> StatusOr<ExitCode> {
    if (*markdown && output.settings().json) return UsageError("--markdown and --json: choose one");
    output.Data(*markdown ? flow::CatalogueMarkdown() : flow::CatalogueText());
    output.Document(flow::CatalogueJson());
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
