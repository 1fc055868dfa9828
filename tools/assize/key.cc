// `assize key`: a new signing key. Tests: tests/cli/trust_test.cc.
#include "lib/flow/key_files.h"
#include "tools/assize/program.h"

namespace assize::cli {

void AddKey(Program& program) {
  CLI::App& app = program.Add("key", "Makes a signing key: NAME.pem, encrypted, and NAME.pub.pem",
                              "assize key keys/builder");
  struct Flags {
    std::string name, type = "P-256";
    bool demo = false;
    std::optional<int> passphrase_fd;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("NAME", flags->name, "path without ending; neither file may exist")
      ->type_name("")
      ->required();
  app.add_option("--type", flags->type, "P-256, P-384, P-521 or Ed25519; default: P-256")
      ->type_name("TYPE");
  app.add_flag(
      "--demo", flags->demo,
      "a demonstration key: stored unencrypted, and refused by gates unless they allow it");
  app.add_option("--passphrase-fd", flags->passphrase_fd,
                 "read the passphrase from this file descriptor")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  program.Does(app, [flags](Output& output) -> StatusOr<ExitCode> {
    const StatusOr<trust::KeyType> type = trust::ParseKeyType(flags->type);
    if (!type.ok()) return AsUsage(Annotate(type.status(), "--type"));
    if (flags->demo && *type != trust::KeyType::kP256)
      return UsageError("--type: a demo key is P-256, found {}", flags->type);
    AZ_ASSIGN_OR_RETURN(
        const flow::NewKey made,
        flags->demo ? flow::CreateDemoKey(flags->name)
                    : flow::CreateKey(flags->name, *type,
                                      trust::DefaultPassphrase(flags->passphrase_fd, true)));
    output.Summary(fmt::format("private  {} ({})\npublic   {}\ntype     {}\nkey id   {}\n",
                               made.private_path,
                               flags->demo ? "a demo key, not encrypted" : "encrypted",
                               made.public_path, made.type, made.key_id));
    output.Document({{"private", made.private_path},
                     {"public", made.public_path},
                     {"type", made.type},
                     {"keyId", made.key_id},
                     {"demo", flags->demo}});
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
