// The world fails: a full disk, folders that cannot be written, a user who interrupts. One message,
// the documented exit code, and nothing left behind.
#include "tests/cli/store_maker.h"

namespace assize::cli {
namespace {

TEST(FullDisk, LeavesNoHalfModel) {
  TemporaryFolder folder;
  Conditions full;
  full.max_file_bytes = 1000;
  const Result result = Assize({"opt", kModel, "-p", "simplify", "-o", folder / "out.onnx"}, full);
  ExpectError(result, 5, {"out.onnx"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{});
}

TEST(FullDisk, LeavesTheOldFileWhole) {
  TemporaryFolder folder;
  WriteAll(folder / "out.npz", "what was there");
  Conditions full;
  full.max_file_bytes = 500;
  const Result result = Assize(
      {"run", kModel, "--data", kData, "--input", "input=test_x", "-o", folder / "out.npz"}, full);
  ExpectError(result, 5, {"out.npz"});
  EXPECT_EQ(ReadAll(folder / "out.npz"), "what was there");
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{"out.npz"});
}

TEST(FullDisk, DuringABuildLeavesOnlyItsAbortion) {
  Workshop shop;
  // Enough for the journal's lines and the sealed copies of the inputs, too little for the report.
  shop.conditions().max_file_bytes = 18 << 10;
  const Result result = shop.Build(shop.recipe());
  EXPECT_EQ(result.exit, 5) << result.err;
  EXPECT_FALSE(fs::exists(shop.store() + "/breast-cancer/1.0.0"));
  shop.conditions().max_file_bytes.reset();
  if (fs::exists(shop.store())) {
    for (const std::string& name : Listing(shop.store()))
      EXPECT_EQ(name.find("staging"), std::string::npos) << name;
    EXPECT_EQ(shop.Journal(), std::vector<std::string>{"ABORTED 1.0.0"});
  }
  EXPECT_EQ(shop.Build(shop.recipe(), {"--version", "1.0.1"}).exit, 0) << "the store still works";
}

TEST(Unwritable, AFileWhereAFolderShouldBe) {
  TemporaryFolder folder;
  WriteAll(folder / "file", "");
  ExpectError(Assize({"opt", kModel, "-p", "simplify", "-o", folder / "file/out.onnx"}), 3,
              {"file/out.onnx"});
  ExpectError(Assize({"run", kModel, "--data", kData, "--input", "input=test_x", "-o",
                      folder / "file/out.npz"}),
              3, {"file/out.npz"});
  Workshop shop;
  WriteAll(shop.store(), "no folder");
  ExpectError(shop.Build(shop.recipe()), 3, {"store"});
  EXPECT_EQ(ReadAll(shop.store()), "no folder");
}

TEST(Unwritable, AFolderOfSomebodyElse) {
  TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms(0555));
  Conditions other;
  other.obey_permissions = true;
  // Somebody else's, where it can be given away; one's own folder is shut to its owner by its mode.
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(folder.path().c_str(), 65534, 65534), 0);
  }
  ExpectError(Assize({"opt", kModel, "-p", "simplify", "-o", folder / "out.onnx"}, other), 5,
              {"out.onnx", "ermission denied"});
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{});
}

// A recipe with so many passes that the signal always comes first.
std::string Long(const std::string& recipe) {
  std::string passes = "passes: [ ";
  for (int i = 0; i < 400; ++i) passes += "simplify, ";
  return Replaced(recipe, "passes: [ ", passes);
}

TEST(Interrupted, ABuildIsAbortedInTheJournalAndNothingElse) {
  Workshop shop;
  const std::string journal = shop.store() + "/journal.jsonl";
  shop.conditions().interrupt_when = [&] {
    return fs::exists(journal) && fs::file_size(journal) > 0;
  };
  const Result result = shop.Build(Long(shop.recipe()));
  ExpectError(result, 5, {"interrupted by SIGINT"});
  shop.conditions().interrupt_when = nullptr;
  EXPECT_EQ(shop.Journal(), std::vector<std::string>{"ABORTED 1.0.0"});
  for (const std::string& name : Listing(shop.store())) {
    EXPECT_TRUE(name == "journal.jsonl" || name == ".keys" || name.starts_with(".keys/") ||
                name.starts_with(".lock"))
        << name;
  }
  // The version is spent; the next one is not.
  ExpectError(shop.Build(shop.recipe()), 3, {"1.0.0", "ABORTED"});
  EXPECT_EQ(shop.Build(shop.recipe(), {"--version", "1.0.1"}).exit, 0);
}

TEST(Interrupted, OptLeavesNothing) {
  TemporaryFolder folder;
  std::string pipeline = "simplify";
  for (int i = 0; i < 400; ++i) pipeline += ",simplify";
  Conditions conditions;
  // Seen between two passes, or it ends the program before its handler stands: nothing is left
  // either way.
  conditions.interrupt_when = [] { return true; };
  const Result result =
      Assize({"opt", kModel, "-p", pipeline, "-o", folder / "out.onnx"}, conditions);
  EXPECT_TRUE(result.exit == 5 || result.exit == 128 + SIGINT) << result.exit << result.err;
  EXPECT_EQ(Listing(folder.path()), std::vector<std::string>{});
}

}  // namespace
}  // namespace assize::cli
