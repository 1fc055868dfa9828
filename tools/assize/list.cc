// `assize list`: what a store holds. Tests: tests/cli/build_test.cc.
#include "lib/flow/list.h"

#include "tools/assize/program.h"

namespace assize::cli {

void AddList(Program& program) {
  CLI::App& app =
      program.Add("list", "Lists a store's builds with version, verdict and time, from its journal",
                  "assize list releases --key builder.pub.pem");
  auto request = std::make_shared<flow::ListRequest>();
  app.add_option("STORE", request->store,
                 "folder of the journal and the releases; default: releases")
      ->type_name("");
  app.add_option(
         "--key", request->keys,
         "public key of a builder, instead of the keys that the store keeps; may be repeated")
      ->type_name("PUB.pem")
      ->allow_extra_args(false);
  program.Does(app, [request](Output& output) -> StatusOr<ExitCode> {
    AZ_ASSIGN_OR_RETURN(const flow::StoreListing listing, flow::ListStore(*request));
    for (const std::string& warning : listing.warnings) output.Note("warning: " + warning);
    output.Data(listing.ToText());
    output.Document(listing.ToJson());
    return ExitCode::kOk;
  });
}

}  // namespace assize::cli
