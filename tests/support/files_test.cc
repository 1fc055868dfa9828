// Files: what may be read, and that a failed write leaves nothing behind.
#include "lib/support/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace assize {
namespace {

namespace fs = std::filesystem;

void Put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

size_t Entries(const std::string& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++count;
  return count;
}

std::string_view Text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(ReadFile, ReadsWholeAndRefusesByKind) {
  const TemporaryFolder folder;
  const std::string text("a\0b", 3);
  ASSERT_TRUE(WriteFileAtomic(folder / "f", text).ok());
  EXPECT_EQ(ReadFile(folder / "f").value(), text);
  EXPECT_EQ(ReadFile(folder / "f", 3).value(), text);
  EXPECT_EQ(ReadFile(folder / "f", 2).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(folder / "absent").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(folder / "f/below").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(folder.path()).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile(std::string("f\0g", 3)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadFile("/dev/zero").status().code(), StatusCode::kInvalidArgument);
}

TEST(ReadFile, APipeIsRefusedWithoutBlocking) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(folder / "pipe").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(MappedFile::Open(folder / "pipe", 10).status().code(), StatusCode::kInvalidArgument);
}

TEST(ReadFile, BoundHoldsForFilesThatDoNotTellTheirSize) {
  ASSERT_EQ(fs::file_size("/proc/self/maps"), 0u);
  EXPECT_GT(ReadFile("/proc/self/maps").value().size(), 100u);
  EXPECT_EQ(ReadFile("/proc/self/maps", 100).status().code(), StatusCode::kResourceExhausted);
}

TEST(MappedFile, ViewsBytesAndEmptyFiles) {
  const TemporaryFolder folder;
  Put(folder / "f", "hello");
  Put(folder / "empty", "");
  EXPECT_EQ(Text(MappedFile::Open(folder / "f", 5).value()->bytes()), "hello");
  EXPECT_EQ(MappedFile::Open(folder / "f", 4).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(MappedFile::Open(folder / "empty", 5).value()->bytes().empty());
}

TEST(MappedFile, DroppedPagesComeBack) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; text.size() < 50000; ++i) text += std::to_string(i * 7919);
  Put(folder / "f", text);
  for (const bool sealed : {false, true}) {
    const auto file = sealed ? MappedFile::OpenSealed(folder / "f", 1 << 20).value()
                             : MappedFile::Open(folder / "f", 1 << 20).value();
    // Odd ends: the pages at them are shared with neighbours and stay.
    DropPages(file->bytes().subspan(3, file->bytes().size() - 10));
    DropPages(file->bytes().subspan(1, 2));
    DropPages({});
    EXPECT_EQ(Text(file->bytes()), text);
  }
}

TEST(MappedFile, SealedCopyIgnoresLaterChanges) {
  const TemporaryFolder folder;
  Put(folder / "f", "verified");
  const auto sealed = MappedFile::OpenSealed(folder / "f", 100).value();
  const int fd = ::open((folder / "f").c_str(), O_WRONLY);
  ASSERT_EQ(::pwrite(fd, "attacked", 8, 0), 8);
  ::close(fd);
  EXPECT_EQ(Text(sealed->bytes()), "verified");
}

TEST(OpenBeneath, OpensPlainFilesOnly) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "root/sub").ok());
  Put(folder / "root/sub/f", "inside");
  Put(folder / "secret", "outside");
  const std::string root = folder / "root";
  fs::create_symlink("../secret", root + "/link");
  fs::create_directory_symlink("..", root + "/up");
  fs::create_hard_link(folder / "secret", root + "/hard");
  ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);

  const int fd = OpenBeneath(root, "sub/f").value();
  EXPECT_EQ(Text(MappedFile::FromDescriptor(fd, "f", 10).value()->bytes()), "inside");
  for (const char* name : {"../secret", "sub/../sub/f", "/etc/passwd", "link", "up/secret", "hard",
                           "pipe", "sub", "sub//f", "./sub/f", "", "sub/"}) {
    EXPECT_EQ(OpenBeneath(root, name).status().code(), StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(OpenBeneath(root, std::string("sub/f\0x", 7)).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenBeneath(root, "sub/absent").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(OpenBeneath(root, "absent/f").status().code(), StatusCode::kNotFound);
}

TEST(WriteFileAtomic, ReplacesOnlyWhenAsked) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "f", "one", false).ok());
  EXPECT_EQ(WriteFileAtomic(folder / "f", "two", false).code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadFile(folder / "f").value(), "one");
  ASSERT_TRUE(WriteFileAtomic(folder / "f", "two").ok());
  EXPECT_EQ(ReadFile(folder / "f").value(), "two");
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(WriteFileAtomic, ReplacesASymlinkInsteadOfItsTarget) {
  const TemporaryFolder folder;
  Put(folder / "target", "keep");
  fs::create_symlink("target", folder / "link");
  ASSERT_TRUE(WriteFileAtomic(folder / "link", "new").ok());
  EXPECT_EQ(ReadFile(folder / "target").value(), "keep");
  EXPECT_FALSE(fs::is_symlink(folder / "link"));
}

TEST(WriteFileAtomic, RefusesFoldersAndDevices) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "sub").ok());
  EXPECT_EQ(WriteFileAtomic(folder / "sub", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFileAtomic(folder / "sub/", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFileAtomic("/dev/null", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFileAtomic("/dev/stdout", "x").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(WriteFileAtomic(folder / "absent/f", "x").code(), StatusCode::kNotFound);
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(WriteFileAtomic, HonoursTheCreationMask) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  EXPECT_TRUE(WriteFileAtomic(folder / "f", "x").ok());
  ::umask(before);
  struct stat info;
  ASSERT_EQ(::stat((folder / "f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
}

// A file size limit stands for a full disk: write() fails half-way with what was written lying
// there.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    before_handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  sighandler_t before_handler_;
};

TEST(WriteFileAtomic, FullDiskKeepsTheOldFileAndLeavesNothing) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "f", "old").ok());
  Status status;
  {
    const FullDisk full(1000);
    status = WriteFileAtomic(folder / "f", std::string(5000, 'x'));
  }
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(Message(status).find("File too large"), std::string::npos) << Message(status);
  EXPECT_EQ(ReadFile(folder / "f").value(), "old");
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(WriteFileAtomic, UnwritableFolderIsUnavailable) {
  if (::geteuid() == 0) {
    // Permissions do not bind root; a folder of the proc file system refuses everybody.
    EXPECT_FALSE(WriteFileAtomic("/proc/self/f", "x").ok());
    return;
  }
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(WriteFileAtomic(folder / "f", "x").code(), StatusCode::kUnavailable);
}

TEST(StagingFolder, PublishesWholeWithReadableMode) {
  const TemporaryFolder folder;
  {
    StagingFolder staging = StagingFolder::Create(folder / "store").value();
    struct stat info;
    ASSERT_EQ(::stat(staging.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    ASSERT_TRUE(MakeFolders(JoinPath(staging.path(), "model")).ok());
    Put(staging.path() + "/model/m", "weights");
    EXPECT_TRUE(staging.Publish(folder / "store/name/1.0.0").ok());
    EXPECT_EQ(staging.path(), "");
    ASSERT_EQ(::stat((folder / "store/name/1.0.0").c_str(), &info), 0);
    EXPECT_NE(info.st_mode & 0777, 0700u);
  }
  EXPECT_EQ(ReadFile(folder / "store/name/1.0.0/model/m").value(), "weights");
  EXPECT_EQ(Entries(folder / "store"), 1u);
}

TEST(StagingFolder, NeverReplacesAndThenDisappears) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "store/1.0.0").ok());  // empty: plain rename() would replace it
  {
    StagingFolder staging = StagingFolder::Create(folder / "store").value();
    Put(staging.path() + "/f", "x");
    EXPECT_EQ(staging.Publish(folder / "store/1.0.0").code(), StatusCode::kAlreadyExists);
    EXPECT_EQ(Entries(folder / "store"), 2u);  // still ours, until the owner ends
  }
  EXPECT_EQ(Entries(folder / "store"), 1u);
  EXPECT_EQ(Entries(folder / "store/1.0.0"), 0u);
}

TEST(StagingFolder, TakesBackTheFoldersItMade) {
  const TemporaryFolder folder;
  {
    StagingFolder first = StagingFolder::Create(folder / "a/b/c").value();
    StagingFolder moved = std::move(first);
    Put(moved.path() + "/f", "x");
  }
  EXPECT_EQ(Entries(folder.path()), 0u);
  Put(folder / "file", "x");
  EXPECT_EQ(StagingFolder::Create(folder / "file/b").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(StagingFolder, ASymlinkInsideIsNotPublished) {
  const TemporaryFolder folder;
  StagingFolder staging = StagingFolder::Create(folder.path()).value();
  fs::create_symlink("/etc/passwd", staging.path() + "/link");
  EXPECT_EQ(staging.Publish(folder / "out").code(), StatusCode::kInvalidArgument);
  EXPECT_FALSE(FolderExists(folder / "out"));
}

TEST(ListFiles, SortsByBytesAndRefusesLinks) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "a").ok());
  ASSERT_TRUE(MakeFolders(folder / "empty").ok());
  for (const char* name : {"a/z", "a.txt", "B", ".hidden"}) Put(folder / name, "");
  EXPECT_EQ(ListFiles(folder.path()).value(),
            (std::vector<std::string>{".hidden", "B", "a.txt", "a/z"}));
  fs::create_symlink("B", folder / "a/link");
  const Status status = ListFiles(folder.path()).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(Message(status).find("a/link"), std::string::npos);
  EXPECT_EQ(ListFiles(folder / "absent").status().code(), StatusCode::kNotFound);
}

TEST(Paths, JoinAndSplit) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("a", "/b"), "/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  const std::vector<std::array<std::string, 3>> table = {{"a/b", "a", "b"},  {"a", ".", "a"},
                                                         {"/a", "/", "a"},   {"/", "/", "/"},
                                                         {"a/b/", "a", "b"}, {"a//b", "a", "b"}};
  for (const auto& [path, folder, base] : table) {
    EXPECT_EQ(FolderOf(path), folder) << path;
    EXPECT_EQ(BaseName(path), base) << path;
  }
}

}  // namespace
}  // namespace assize
