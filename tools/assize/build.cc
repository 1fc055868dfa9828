// `assize build`: a recipe in, a release out. Tests: tests/cli/build_test.cc.
#include "lib/flow/build.h"

#include "tools/assize/program.h"

namespace assize::cli {
namespace {

struct BuildFlags {
  flow::BuildRequest request;
  bool dry_run = false;
  std::optional<int> passphrase_fd;
};

StatusOr<ExitCode> Plan(const BuildFlags& flags, Output& output) {
  AZ_ASSIGN_OR_RETURN(const flow::BuildPlan plan,
                      flow::PlanBuild(flags.request, output.progress()));
  output.Data(plan.text);
  output.Document(plan.json);
  return ExitCode::kOk;
}

StatusOr<ExitCode> Build(BuildFlags& flags, Output& output) {
  flags.request.passphrase = trust::DefaultPassphrase(flags.passphrase_fd);
  if (flags.dry_run) return Plan(flags, output);
  AZ_ASSIGN_OR_RETURN(const flow::BuildResult result,
                      flow::RunBuild(flags.request, output.progress()));
  output.Findings(result.diagnostics);
  for (const std::string& warning : result.warnings) output.Note("warning: " + warning);
  for (const pass::PassRecord& record : result.records) {
    output.Detail(fmt::format("{}: {}, {} -> {} nodes", record.pass,
                              record.changed ? "changed" : "no change", record.nodes_before,
                              record.nodes_after));
  }
  output.Document(result.ToJson());
  // The sentence is the last line, whatever else is said; --quiet leaves it alone.
  std::string text = result.ToText();
  if (text.ends_with(result.sentence + "\n")) text.resize(text.size() - result.sentence.size() - 1);
  output.Summary(text);
  output.Data(Verdict(result.sentence) + "\n");
  return result.verdict == "PASSED" ? ExitCode::kOk : ExitCode::kFindings;
}

}  // namespace

void AddBuild(Program& program) {
  CLI::App& app =
      program.Add("build", "Builds, measures, signs and publishes a release from a recipe",
                  "assize build examples/breast-cancer/recipe.yaml --store releases");
  auto flags = std::make_shared<BuildFlags>();
  app.add_option("RECIPE", flags->request.recipe, "the recipe, a YAML file")
      ->type_name("")
      ->required();
  app.add_option("--store", flags->request.store,
                 "folder of the journal and the releases; default: releases")
      ->type_name("DIR");
  app.add_option("--version", flags->request.version,
                 "version of the release, instead of the recipe's")
      ->type_name("V");
  app.add_flag("--dry-run", flags->dry_run,
               "print the plan and the samples that each criterion needs; write nothing");
  app.add_option("--known-key", flags->request.known_keys,
                 "public key of another builder in the store's journal; may be repeated")
      ->type_name("PUB.pem")
      ->allow_extra_args(false);
  app.add_option("--passphrase-fd", flags->passphrase_fd,
                 "read the keys' passphrase from this file descriptor")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  program.Does(app, [flags](Output& output) { return Build(*flags, output); });
}

}  // namespace assize::cli
