// `assize verify`: are these the bytes that the holder of the key released? Tests:
// tests/cli/trust_test.cc.
#include "lib/flow/gate.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddVerify(Program& program) {
  CLI::App& app = program.Add("verify", "Checks the integrity of a release under given public keys",
                              "assize verify releases/breast-cancer/1.0.0 --key releaser.pub.pem");
  auto request = std::make_shared<flow::VerifyRequest>();
  app.add_option("RELEASE", request->release, "folder of the release")->type_name("")->required();
  app.add_option("--key", request->keys,
                 "public key, obtained elsewhere than in the release; may be repeated")
      ->type_name("PUB.pem")
      ->allow_extra_args(false)
      ->required();
  program.Does(app, [request](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(const policy::VerifyResult result, flow::VerifyRelease(*request));
    output.Data(result.ToText());
    output.Document(result.ToJson());
    return result.exit_code;
  });
}

}  // namespace assize::cli
