// Flags out of a pass's option descriptors, and the pipeline out of the flags. Tests:
// tests/cli/opt_test.cc.
#include "tools/assize/shortcut.h"

#include "lib/flow/catalogue.h"

namespace assize::cli {

std::shared_ptr<Shortcut> AddShortcut(CLI::App& app, const std::string& pass, bool data_required) {
  auto shortcut = std::make_shared<Shortcut>();
  shortcut->pass = pass;
  app.add_option("MODEL", shortcut->request.model, "the model, an ONNX file")
      ->type_name("")
      ->required();
  app.add_option("-o,--output", shortcut->output, "the new model; - for a pipe")
      ->type_name("OUT.onnx")
      ->required();
  AddDataFlags(app, shortcut->data, data_required);
  for (const flow::CataloguePass& entry : flow::PassCatalogue()) {
    if (entry.flag != pass) continue;
    for (const pass::OptionDescriptor& option : entry.options) {
      const std::string help =
          option.default_text.empty()
              ? option.summary
              : fmt::format("{}; default: {}", option.summary, option.default_text);
      std::string* value = &shortcut->values[option.name];
      app.add_option("--" + option.name, *value, help)
          ->type_name(flow::TypeText(option))
          ->group("Pass " + pass);
    }
  }
  app.add_option("--seed", shortcut->request.seed, "seed of whatever draws at random; default: 0")
      ->type_name("N");
  return shortcut;
}

StatusOr<ExitCode> RunShortcut(Shortcut& shortcut, Output& output) {
  std::vector<std::pair<std::string, std::string>> given;
  for (const auto& [name, value] : shortcut.values) {
    if (!value.empty()) given.emplace_back(name, value);
  }
  flow::OptimizeRequest& request = shortcut.request;
  request.pipeline = shortcut.before + "," + flow::PipelineItemText(shortcut.pass, given);
  AZ_RETURN_IF_ERROR(flow::NormalizePipeline(request.pipeline).status());
  AZ_ASSIGN_OR_RETURN(request.data, ToUserData(shortcut.data));
  AZ_ASSIGN_OR_RETURN(OutputFile file,
                      OutputFile::Open(shortcut.output, "model.onnx", output.settings()));
  request.output = file.path();
  AZ_ASSIGN_OR_RETURN(const flow::OptimizeResult result,
                      flow::Optimize(request, output.progress()));
  AZ_RETURN_IF_ERROR(PrintOptimized(result, file, output));
  return ExitCode::kOk;
}

}  // namespace assize::cli
