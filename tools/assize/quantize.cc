// `assize quantize`: to 8-bit integers, calibrated on the user's rows. Tests:
// tests/cli/opt_test.cc.
#include "tools/assize/shortcut.h"

namespace assize::cli {

void AddQuantize(Program& program) {
  CLI::App& app = program.Add(
      "quantize", "Quantizes a model to 8 bits: upcast-float16, simplify, fuse, quantize-static",
      "assize quantize model.onnx --data rows.npz --calibrator percentile -o int8.onnx");
  const std::shared_ptr<Shortcut> shortcut = AddShortcut(app, "quantize-static", true);
  shortcut->before = "upcast-float16,simplify,fuse";
  auto per_tensor = std::make_shared<bool>(false);
  app.add_flag("--per-tensor", *per_tensor, "the same as --per-channel false")
      ->group("Pass quantize-static");
  program.Does(app, [shortcut, per_tensor](Output& output) -> StatusOr<ExitCode> {
    if (*per_tensor) {
      std::string& per_channel = shortcut->values["per-channel"];
      if (per_channel == "true")
        return UsageError("--per-tensor and --per-channel true contradict each other");
      per_channel = "false";
    }
    return RunShortcut(*shortcut, output);
  });
}

}  // namespace assize::cli
