// Attacks on the model's files. Each must be refused by a named check, and leave no trace.
#include "tests/policy/gate_maker.h"

namespace assize::testing {
namespace {

using TreeAttacks = GateTest;

void ExpectUnverified(const std::string& path) {
  const StatusOr<release::Release> release = release::ReadRelease(path);
  if (!release.ok()) return;
  EXPECT_EQ(Must(policy::Verify(*release, {TestKeys().releaser.public_key()})).exit_code,
            ExitCode::kNotTrusted);
}

TEST_F(TreeAttacks, one_byte_of_the_model_changed) {
  const std::string file = release_ + "/model/model.onnx";
  std::string bytes = ReadText(file);
  bytes.back() ^= 1;
  WriteText(file, bytes);
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, file_added) {
  WriteText(release_ + "/model/extra.bin", "x");
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, empty_folder_added) {
  std::filesystem::create_directory(release_ + "/model/plugins");
  Refused(release_, "tree-exact");
}

TEST_F(TreeAttacks, file_removed) {
  std::filesystem::remove(release_ + "/model/labels.txt");
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, file_renamed) {
  std::filesystem::rename(release_ + "/model/labels.txt", release_ + "/model/classes.txt");
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, same_root_files_renamed) {
  // Neighbours in the listing that swap their contents' order would change the root; two names
  // moved to neighbours that keep the order of the digests would not.
  const std::string labels = ReadText(release_ + "/model/labels.txt");
  const std::string root = Must(trust::HashModelFolder(release_ + "/model")).RootSha256();
  std::filesystem::rename(release_ + "/model/labels.txt", release_ + "/model/a.txt");
  std::filesystem::rename(release_ + "/model/model.onnx", release_ + "/model/labels.txt");
  std::filesystem::rename(release_ + "/model/a.txt", release_ + "/model/a.onnx");
  ASSERT_EQ(Must(trust::HashModelFolder(release_ + "/model")).RootSha256(), root);
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, two_files_swapped) {
  std::filesystem::rename(release_ + "/model/labels.txt", release_ + "/model/t");
  std::filesystem::rename(release_ + "/model/model.onnx", release_ + "/model/labels.txt");
  std::filesystem::rename(release_ + "/model/t", release_ + "/model/model.onnx");
  Refused(release_, "tree-exact");
  ExpectUnverified(release_);
}

TEST_F(TreeAttacks, model_hidden_by_ignore_paths) {
  const std::string path = Copy();
  // The releaser's own key signs a bundle that ignores the model, and lists it all in the verdict.
  Resign(
      path + "/model.sig",
      [](Json& statement) {
        statement["predicate"]["serialization"]["ignore_paths"].push_back("model.onnx");
        Json& resources = statement["predicate"]["resources"];
        std::string concatenated;
        Json kept = Json::array();
        for (const Json& resource : resources) {
          if (resource["name"] == "model.onnx") continue;
          kept.push_back(resource);
          const Digest digest = Must(ParseDigest(resource["digest"].get<std::string>()));
          concatenated.append(reinterpret_cast<const char*>(digest.data()), digest.size());
        }
        resources = kept;
        statement["subject"][0]["digest"]["sha256"] = HexOf(concatenated);
      },
      TestKeys().releaser);
  Relist(path, TestKeys().releaser);
  WriteText(path + "/model/model.onnx", "a model of the attacker");
  Refused(path, "load-covered");
  Refused(path, "tree-exact");
}

TEST_F(TreeAttacks, external_data_not_covered) {
  policy::GateOptions options = Loaded(recipe_);
  options.loaded_files->push_back("../../weights.bin");
  ExpectRefused(release_, PolicyOf(recipe_), clock_, options, "load-covered");
  // Nor does a load that failed count as covered.
  options.loaded_files.reset();
  ExpectRefused(release_, PolicyOf(recipe_), clock_, options, "load-covered");
}

TEST_F(TreeAttacks, symbolic_link_in_the_tree) {
  std::filesystem::create_symlink("/etc/hostname", release_ + "/model/hosts");
  const StatusOr<release::Release> release = release::ReadRelease(release_);
  ASSERT_FALSE(release.ok());
  EXPECT_EQ(release.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(TreeAttacks, shell_metacharacters_in_name) {
  for (const char* name : {"$(touch pwned).onnx", "a;b", "-rf", "x\ny", "`id`", "a b"}) {
    const std::string path = Copy();
    WriteText(path + "/model/" + name, "x");
    Refused(path, "tree-exact");
    // Nor can such a tree be composed.
    Recipe recipe = recipe_;
    recipe.version = "2.0." + std::to_string(copies_);
    recipe.files[name] = "x";
    EXPECT_FALSE(TryRelease(Store(), recipe, TestKeys().Roles(), clock_).ok()) << name;
    EXPECT_FALSE(std::filesystem::exists(Store() + "/" + recipe.name + "/" + recipe.version));
  }
}

}  // namespace
}  // namespace assize::testing
