// `assize gate`: may this release be used, by a policy from outside it? Tests:
// tests/cli/trust_test.cc.
#include "lib/flow/gate.h"

#include "tools/assize/program.h"

namespace assize::cli {

void AddGate(Program& program) {
  CLI::App& app =
      program.Add("gate", "Judges a release by a policy: every check, all findings, failures first",
                  "assize gate releases/breast-cancer/1.0.0 --policy policy.yaml");
  struct Flags {
    flow::GateRequest request;
    std::optional<int> passphrase_fd;
  };
  auto flags = std::make_shared<Flags>();
  flow::GateRequest& request = flags->request;
  app.add_option("RELEASE", request.release, "folder of the release")->type_name("")->required();
  app.add_option("--policy", request.policy, "the policy, never one that came with the release")
      ->type_name("POLICY.yaml")
      ->required();
  app.add_option("--policy-sha256", request.policy_sha256,
                 "refuse a policy whose bytes have another digest")
      ->type_name("HEX");
  app.add_option("--re-evaluate", request.reevaluate_recipe,
                 "measure the criteria again, with this recipe's source model and data")
      ->type_name("RECIPE");
  app.add_option("--journal", request.journal,
                 "the store's journal; default: the one beside the release")
      ->type_name("FILE");
  app.add_option("--key", request.key, "private key: adds a signed verdict to the release")
      ->type_name("PRIVATE.pem");
  app.add_option("--passphrase-fd", flags->passphrase_fd,
                 "read the key's passphrase from this file descriptor")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    flags->request.passphrase = trust::DefaultPassphrase(flags->passphrase_fd);
    AZ_ASSIGN_OR_RETURN(const policy::GateResult result,
                        flow::RunGate(flags->request, output.progress()));
    output.Data(result.ToText());
    output.Document(result.ToJson());
    return result.exit_code;
  });
}

}  // namespace assize::cli
