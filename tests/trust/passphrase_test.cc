// Passphrases by environment, descriptor and terminal.
#include "lib/trust/passphrase.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace assize::trust {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Pipe {
 public:
  explicit Pipe(std::string_view content) {
    EXPECT_EQ(pipe(ends_), 0);
    EXPECT_EQ(write(ends_[1], content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    close(ends_[1]);
  }
  ~Pipe() { close(ends_[0]); }
  int fd() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
};

class EnvironmentTest : public ::testing::Test {
 protected:
  void SetUp() override { unsetenv(kPassphraseVariable); }
  void TearDown() override { unsetenv(kPassphraseVariable); }
};

TEST(Secret, MovesWithoutLeavingACopy) {
  Secret a("short");
  Secret b(std::move(a));
  EXPECT_EQ(b.view(), "short");
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that it is empty is the point
  Secret c(std::string(500, 'x'));
  c = std::move(b);
  EXPECT_EQ(c.view(), "short");
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
}

TEST(PassphraseFromDescriptor, ReadsOneLineOnceAndNothingElse) {
  const Pipe pipe("open sesame\nnext line");
  const PassphraseProvider provider = PassphraseFromDescriptor(pipe.fd());
  EXPECT_EQ(provider("first.pem")->view(), "open sesame");
  EXPECT_EQ(provider("second.pem")->view(), "open sesame");
  char rest[32] = {};
  EXPECT_EQ(read(pipe.fd(), rest, sizeof(rest)), 9);
  EXPECT_STREQ(rest, "next line");
}

TEST(PassphraseFromDescriptor, EndOfFileEndsTheLine) {
  const Pipe pipe("no newline");
  EXPECT_EQ(PassphraseFromDescriptor(pipe.fd())("k")->view(), "no newline");
}

TEST(PassphraseFromDescriptor, EmptyOverlongAndClosedAreRefused) {
  const Pipe empty("\n");
  EXPECT_EQ(PassphraseFromDescriptor(empty.fd())("k").status().code(),
            StatusCode::kInvalidArgument);
  const Pipe overlong(std::string(kMaxPassphraseBytes + 1, 'x'));
  EXPECT_EQ(PassphraseFromDescriptor(overlong.fd())("k").status().code(),
            StatusCode::kInvalidArgument);
  const auto closed = PassphraseFromDescriptor(987654)("k");
  EXPECT_EQ(closed.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(Message(closed.status()), HasSubstr("987654"));
}

TEST_F(EnvironmentTest, VariableIsUsedAndNamedWhenMissing) {
  const auto missing = PassphraseFromEnvironment()("k.pem");
  EXPECT_EQ(missing.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(missing.status()), HasSubstr("k.pem"));
  setenv(kPassphraseVariable, "from outside", 1);
  EXPECT_EQ(PassphraseFromEnvironment()("k.pem")->view(), "from outside");
}

TEST_F(EnvironmentTest, DescriptorBeatsEnvironment) {
  setenv(kPassphraseVariable, "env", 1);
  const Pipe pipe("fd\n");
  EXPECT_EQ(DefaultPassphrase(pipe.fd())("k")->view(), "fd");
  EXPECT_EQ(DefaultPassphrase(std::nullopt)("k")->view(), "env");
}

// Runs the prompt in a child whose controlling terminal is a new pseudo-terminal; `typed` is what a
// person types. Gives back what the terminal showed, and what the child reported.
struct Typed {
  std::string shown;
  std::string result;
};
Typed TypeAtPrompt(const std::string& typed, bool confirm) {
  Typed out;
  const int master = posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_GE(master, 0);
  EXPECT_EQ(grantpt(master), 0);
  EXPECT_EQ(unlockpt(master), 0);
  const std::string name = ptsname(master);
  int report[2];
  EXPECT_EQ(pipe(report), 0);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    const int terminal =
        open(name.c_str(), O_RDWR);  // the first one opened becomes the controlling one
    if (terminal < 0) _exit(2);
    std::string text;
    {
      const auto secret = PassphraseFromPrompt(confirm)("k.pem");
      text = secret.ok() ? "got " + std::string(secret->view()) : Message(secret.status());
    }
    if (write(report[1], text.data(), text.size()) < 0) _exit(3);
    _exit(0);
  }
  close(report[1]);
  // A person answers each question after it was asked.
  size_t sent = 0;
  char buffer[256];
  while (true) {
    const ssize_t count = read(master, buffer, sizeof(buffer));
    if (count <= 0) break;
    out.shown.append(buffer, static_cast<size_t>(count));
    if (sent < typed.size() && out.shown.ends_with(": ")) {
      const size_t end = typed.find_first_of("\n\x03", sent) + 1;
      EXPECT_EQ(write(master, typed.data() + sent, end - sent), static_cast<ssize_t>(end - sent));
      sent = end;
    }
  }
  ssize_t count = 0;
  while ((count = read(report[0], buffer, sizeof(buffer))) > 0) {
    out.result.append(buffer, static_cast<size_t>(count));
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(report[0]);
  close(master);
  return out;
}

TEST(PassphraseFromPrompt, IsAskedWithoutEcho) {
  const Typed typed = TypeAtPrompt("hush hush\n", false);
  EXPECT_EQ(typed.result, "got hush hush");
  EXPECT_THAT(typed.shown, HasSubstr("passphrase for k.pem: "));
  EXPECT_THAT(typed.shown, Not(HasSubstr("hush")));
}

TEST(PassphraseFromPrompt, ConfirmationMustAgree) {
  EXPECT_EQ(TypeAtPrompt("one\none\n", true).result, "got one");
  EXPECT_THAT(TypeAtPrompt("one\ntwo\n", true).result, HasSubstr("differ"));
}

TEST(PassphraseFromPrompt, InterruptEndsTheQuestionNotTheProcess) {
  EXPECT_THAT(TypeAtPrompt("half\x03", false).result, HasSubstr("interrupted"));
}

TEST(PassphraseFromPrompt, WithoutTerminalItSaysWhatElseThereIs) {
  int report[2];
  ASSERT_EQ(pipe(report), 0);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    const std::string text = Message(PassphraseFromPrompt(false)("k.pem").status());
    if (write(report[1], text.data(), text.size()) < 0) _exit(3);
    _exit(0);
  }
  close(report[1]);
  std::string text(1000, '\0');
  const ssize_t count = read(report[0], text.data(), text.size());
  ASSERT_GT(count, 0);
  text.resize(static_cast<size_t>(count));
  close(report[0]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_THAT(text, HasSubstr("no terminal"));
  EXPECT_THAT(text, HasSubstr("ASSIZE_KEY_PASSPHRASE"));
}

}  // namespace
}  // namespace assize::trust
