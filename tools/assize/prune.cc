// `assize prune`: the smallest weights become zero. Tests: tests/cli/opt_test.cc.
#include "tools/assize/shortcut.h"

namespace assize::cli {

void AddPrune(Program& program) {
  CLI::App& app =
      program.Add("prune", "Prunes a model by magnitude: simplify, fuse, prune-magnitude",
                  "assize prune model.onnx --sparsity 0.5 --scope layer -o sparse.onnx");
  const std::shared_ptr<Shortcut> shortcut = AddShortcut(app, "prune-magnitude", false);
  app.get_option("--sparsity")->required();
  program.Does(app, [shortcut](Output& output) { return RunShortcut(*shortcut, output); });
}

}  // namespace assize::cli
