// Private keys by role: demo keys are made once, key files are never overwritten, and nothing but a
// demo key is stored in the clear.
#include "lib/flow/key_files.h"

#include <sys/stat.h>

#include "lib/support/sha256.h"
#include "tests/flow/flow_testing.h"

namespace assize::flow {
namespace {

unsigned Mode(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

TEST(DemoKey, LiesWhereTheUsersDataLies) {
  const Variable home("HOME", "/h");
  const Variable data("XDG_DATA_HOME", "/d");
  {
    const Variable assize("ASSIZE_HOME", "/a");
    EXPECT_EQ(DemoKeyFolder(), "/a/demo-keys");
  }
  const Variable none("ASSIZE_HOME", "");
  EXPECT_EQ(DemoKeyFolder(), "/d/assize/demo-keys");
  const Variable no_data("XDG_DATA_HOME", "");
  EXPECT_EQ(DemoKeyFolder(), "/h/.local/share/assize/demo-keys");
}

TEST(DemoKey, IsMadeOnceAndCarriesItsMark) {
  TemporaryFolder folder;
  const Variable home("ASSIZE_HOME", folder.path());
  const std::string path = Must(EnsureDemoKey());
  const std::string text = Must(ReadFile(path));
  const std::string secret = Must(ReadFile(folder / "demo-keys/demo.pem"));
  EXPECT_TRUE(trust::IsDemoKeyId(Hex(Sha256(text)))) << text;
  EXPECT_EQ(Mode(folder / "demo-keys/demo.pem"), 0600u);
  EXPECT_EQ(Must(EnsureDemoKey()), path);
  EXPECT_EQ(Must(ReadFile(path)), text);
  // A run that was ended between the two files is completed, with the same key.
  fs::remove(path);
  EXPECT_EQ(Must(EnsureDemoKey()), path);
  EXPECT_EQ(Must(ReadFile(path)), text);
  EXPECT_EQ(Must(ReadFile(folder / "demo-keys/demo.pem")), secret);
}

TEST(CreateKey, EncryptsAndIsForItsOwnerAlone) {
  TemporaryFolder folder;
  const NewKey made = Must(
      CreateKey(folder / "k.pem", trust::KeyType::kP256, trust::FixedPassphrase("correct horse")));
  EXPECT_EQ(made.private_path, folder / "k.pem");
  EXPECT_EQ(made.public_path, folder / "k.pub.pem");
  EXPECT_EQ(made.key_id, Hex(Must(Sha256OfFile(made.public_path))));
  EXPECT_EQ(Mode(made.private_path), 0600u);
  EXPECT_TRUE(
      Must(ReadFile(made.private_path)).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  EXPECT_FALSE(trust::IsDemoKeyId(made.key_id));
}

TEST(CreateKey, NeverOverwritesEitherHalf) {
  for (const char* present : {"k.pem", "k.pub.pem"}) {
    SCOPED_TRACE(present);
    TemporaryFolder folder;
    Must(WriteFileAtomic(folder / present, "what was there"));
    const auto made =
        CreateKey(folder / "k", trust::KeyType::kP256, trust::FixedPassphrase("correct horse"));
    EXPECT_TRUE(absl::IsAlreadyExists(made.status())) << Message(made.status());
    EXPECT_TRUE(absl::IsAlreadyExists(CreateDemoKey(folder / "k").status()));
    EXPECT_EQ(Must(ReadFile(folder / present)), "what was there");
    EXPECT_THAT(Listing(folder.path()), ElementsAre(present)) << "nor is the other half left alone";
  }
}

TEST(CreateKey, WithoutAPassphraseNothingIsWritten) {
  TemporaryFolder folder;
  EXPECT_FALSE(CreateKey(folder / "k", trust::KeyType::kP256, trust::NoPassphrase()).ok());
  EXPECT_FALSE(CreateKey(folder / "k", trust::KeyType::kP256, trust::FixedPassphrase("")).ok());
  EXPECT_THAT(Listing(folder.path()), ElementsAre());
}

recipe::Recipe WithKeys(const TemporaryFolder& folder, const std::string& criteria,
                        const std::string& others) {
  recipe::Recipe recipe;
  recipe.folder = folder.path();
  recipe.keys.criteria = criteria;
  recipe.keys.builder = recipe.keys.evaluator = recipe.keys.releaser = others;
  return recipe;
}

TEST(LoadBuildKeys, AsksForEachFileOnce) {
  TemporaryFolder folder;
  for (const char* name : {"a", "b"}) {
    Must(CreateKey(folder / name, trust::KeyType::kP256, trust::FixedPassphrase("correct horse"))
             .status());
  }
  std::vector<std::string> asked;
  const trust::PassphraseProvider ask = [&](const std::string& what) -> StatusOr<trust::Secret> {
    asked.push_back(what);
    return trust::Secret("correct horse");
  };
  // Relative to the recipe, as every path in it.
  const BuildKeys keys = Must(LoadBuildKeys(WithKeys(folder, "a.pem", "b.pem"), ask));
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_EQ(keys.keys.size(), 2u);
  EXPECT_EQ(keys.roles.builder, keys.roles.releaser);
  EXPECT_EQ(keys.roles.builder, keys.roles.evaluator);
  EXPECT_NE(keys.roles.criteria->id(), keys.roles.builder->id());
  EXPECT_EQ(keys.roles.criteria->id(), Hex(Must(Sha256OfFile(folder / "a.pub.pem"))));
  EXPECT_THAT(keys.warnings, ElementsAre());
}

TEST(LoadBuildKeys, AWrongPassphraseIsNotTrustedAndNotQuoted) {
  TemporaryFolder folder;
  Must(CreateKey(folder / "a", trust::KeyType::kP256, trust::FixedPassphrase("correct horse"))
           .status());
  const auto keys =
      LoadBuildKeys(WithKeys(folder, "a.pem", "a.pem"), trust::FixedPassphrase("battery staple"));
  EXPECT_EQ(ExitCodeOf(keys.status()), ExitCode::kNotTrusted) << Message(keys.status());
  EXPECT_THAT(Message(keys.status()),
              ::testing::AllOf(HasSubstr("a.pem"), ::testing::Not(HasSubstr("staple"))));
}

TEST(LoadBuildKeys, DemoKeysNeedNoFilesAndNoPassphrase) {
  TemporaryFolder folder;
  const Variable home("ASSIZE_HOME", folder / "home");
  recipe::Recipe recipe;
  recipe.keys.demo = true;
  const BuildKeys keys = Must(LoadBuildKeys(recipe, trust::NoPassphrase()));
  ASSERT_EQ(keys.keys.size(), 1u);
  EXPECT_TRUE(keys.roles.criteria->is_demo());
  EXPECT_EQ(keys.roles.criteria, keys.roles.releaser);
  EXPECT_THAT(keys.warnings, ElementsAre()) << "a demo key in the clear is as it should be";
}

}  // namespace
}  // namespace assize::flow
