// `verify` and `gate`. Tests: tests/flow/gate_test.cc, tests/e2e/.
#include "lib/flow/gate.h"

#include "lib/flow/measure.h"
#include "lib/flow/model_file.h"
#include "lib/flow/recipe_data.h"
#include "lib/ir/hash.h"
#include "lib/onnx/onnx.h"
#include "lib/release/reader.h"
#include "lib/support/files.h"
#include "lib/trust/oms.h"

namespace assize::flow {
namespace {

constexpr char kModelFile[] = "model.onnx";

// The files that loading the model touches, and the model, read from the very bytes whose digests
// the tree has.
struct Loaded {
  std::vector<std::string> files;
  ir::Model model;
};

StatusOr<Loaded> LoadFromTree(const release::Release& release) {
  const std::string folder = JoinPath(release.path, release.folder);
  onnx::ImportOptions options;
  options.sealed = true;
  AZ_ASSIGN_OR_RETURN(onnx::Imported imported,
                      onnx::ImportFile(JoinPath(folder, kModelFile), options));
  Loaded loaded;
  const auto matches = [&](const std::string& name, const Digest& digest) -> Status {
    const auto* file = release.tree.Find(name);
    if (file == nullptr) return DataLoss("{}: loaded, but not among the files on disk", name);
    if (file->sha256 != Hex(digest)) return DataLoss("{}: changed while it was read", name);
    return OkStatus();
  };
  AZ_RETURN_IF_ERROR(matches(kModelFile, imported.file_digest));
  loaded.files.push_back(kModelFile);
  for (const onnx::Imported::External& external : imported.external) {
    AZ_RETURN_IF_ERROR(matches(external.location, external.digest));
    loaded.files.push_back(external.location);
  }
  loaded.model = std::move(imported.model);
  return loaded;
}

// Measures the policy's criteria again, with the gate's own source model and data.
Status Reevaluate(const GateRequest& request, const policy::GatePolicy& policy,
                  const ir::Model& model, policy::GateOptions& options, Progress& progress) {
  AZ_ASSIGN_OR_RETURN(const recipe::Recipe recipe, recipe::ReadRecipe(request.reevaluate_recipe));
  LoadOptions load;
  load.sealed = true;
  load.sha256 = recipe.model.sha256;
  AZ_ASSIGN_OR_RETURN(const LoadedModel source, LoadModel(recipe.Resolve(recipe.model.path), load));
  AZ_ASSIGN_OR_RETURN(const RecipeData data, LoadRecipeData(recipe, source.model()));
  const data::Dataset& set = data.SetOf("evaluation");
  const std::vector<int64_t>& rows = *data.RowsOf("evaluation");
  AZ_ASSIGN_OR_RETURN(options.reevaluated,
                      Measure({model, set}, Subject{source.model(), set},
                              {rows, policy.criteria, "", recipe.seed}, "the release", progress));
  options.reevaluated_source_sha256 = Hex(source.imported.file_digest);
  options.reevaluated_set_sha256 = data.FactsOfSplit("evaluation").digest;
  return OkStatus();
}

}  // namespace

StatusOr<policy::VerifyResult> VerifyRelease(const VerifyRequest& request) {
  if (request.keys.empty()) return UsageError("verify needs a public key: --key PUB.pem");
  std::vector<trust::PublicKey> keys;
  for (const std::string& path : request.keys) {
    AZ_ASSIGN_OR_RETURN(trust::PublicKey key, trust::PublicKey::Load(path));
    keys.push_back(std::move(key));
  }
  AZ_ASSIGN_OR_RETURN(const release::Release release, release::ReadRelease(request.release));
  return policy::Verify(release, keys);
}

StatusOr<policy::GateResult> RunGate(const GateRequest& request, Progress& progress) {
  const Clock& clock = request.clock != nullptr ? *request.clock : SystemClock();
  AZ_ASSIGN_OR_RETURN(const recipe::PolicyFile file, recipe::ReadPolicyFile(request.policy));
  AZ_ASSIGN_OR_RETURN(const policy::GatePolicy policy, policy::FromFile(file));
  AZ_ASSIGN_OR_RETURN(const release::Release release, release::ReadRelease(request.release));

  policy::GateOptions options;
  options.policy_sha256 = request.policy_sha256;
  options.journal_path = request.journal;
  options.version = ASSIZE_VERSION;
  std::optional<trust::PrivateKey> key;
  if (!request.key.empty()) {
    AZ_ASSIGN_OR_RETURN(key, trust::PrivateKey::Load(request.key, request.passphrase));
    options.gate_key = &*key;
  }
  StatusOr<Loaded> loaded = LoadFromTree(release);
  if (loaded.ok()) {
    options.loaded_files = loaded->files;
    options.structural_digest = Hex(ir::StructuralHash(loaded->model));
  } else if (absl::IsUnavailable(loaded.status()) || absl::IsCancelled(loaded.status())) {
    return loaded.status();
  }
  // A model that does not load leaves load-covered not run, which the gate reports as failed.
  if (!request.reevaluate_recipe.empty() && loaded.ok()) {
    // Nothing is run that is not trusted: what it did, or how it failed, would say nothing about
    // the release.
    policy::GateOptions unsigned_options = options;
    unsigned_options.gate_key = nullptr;
    AZ_ASSIGN_OR_RETURN(policy::GateResult trusted,
                        policy::Gate(release, policy, clock, unsigned_options));
    if (trusted.exit_code == ExitCode::kNotTrusted) return trusted;
    AZ_RETURN_IF_ERROR(Reevaluate(request, policy, loaded->model, options, progress));
  }
  return policy::Gate(release, policy, clock, options);
}

}  // namespace assize::flow
