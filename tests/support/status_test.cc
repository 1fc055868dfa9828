// Exit codes, annotation, and what a failed invariant leaves behind.
#include "lib/support/status.h"

#include <gtest/gtest.h>

#include "lib/support/diagnostics.h"
#include "lib/support/exit_code.h"

namespace assize {
namespace {

TEST(ExitCode, EveryFactoryMapsAsDocumented) {
  const std::vector<std::pair<Status, int>> table = {{OkStatus(), 0},
                                                     {InvalidArgument("x"), 3},
                                                     {NotFound("x"), 3},
                                                     {AlreadyExists("x"), 3},
                                                     {Unimplemented("x"), 3},
                                                     {OutOfRange("x"), 3},
                                                     {FailedPrecondition("x"), 3},
                                                     {ResourceExhausted("x"), 3},
                                                     {Unauthenticated("x"), 4},
                                                     {PermissionDenied("x"), 4},
                                                     {DataLoss("x"), 4},
                                                     {Unavailable("x"), 5},
                                                     {Cancelled("x"), 5},
                                                     {Internal("x"), 70},
                                                     {UsageError("x"), 2}};
  for (const auto& [status, code] : table) {
    EXPECT_EQ(static_cast<int>(ExitCodeOf(status)), code) << status.ToString();
  }
}

TEST(ExitCode, PayloadWinsOverTheCode) {
  Status status = Internal("x");
  status.SetPayload("assize/exit", absl::Cord("5"));
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kEnvironment);
}

TEST(ExitCode, AnUnknownPayloadIsOurBugAndNeverSuccess) {
  Status status = InvalidArgument("x");
  status.SetPayload("assize/exit", absl::Cord("99"));
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kOurBug);
}

TEST(Annotate, KeepsCodeAndPayload) {
  const Status status = Annotate(UsageError("bad flag {}", 7), "pipeline");
  EXPECT_EQ(Message(status), "pipeline: bad flag 7");
  EXPECT_EQ(ExitCodeOf(status), ExitCode::kUsage);
  EXPECT_TRUE(Annotate(OkStatus(), "x").ok());
}

TEST(Check, RunsTheHookOnceAndExits70) {
  EXPECT_EXIT(
      {
        SetCheckHook([](const std::string& message) {
          fmt::print(stderr, "hook saw <{}>\n", message);
          AZ_CHECK(false, "inside the hook");  // must end the program, not recurse
        });
        AZ_CHECK(1 + 1 == 3, "sum is {}", 1 + 1);
      },
      testing::ExitedWithCode(70),
      "check failed: 1 \\+ 1 == 3: sum is 2(.|\n)*hook saw(.|\n)*inside the hook");
}

StatusOr<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument("{} is odd", value);
  return value / 2;
}

Status Quarter(int value, int& result) {
  AZ_ASSIGN_OR_RETURN(const int half, Half(value));
  AZ_ASSIGN_OR_RETURN(result, Half(half));
  return OkStatus();
}

TEST(Macros, ReturnTheFirstError) {
  int result = 0;
  EXPECT_TRUE(Quarter(12, result).ok());
  EXPECT_EQ(result, 3);
  EXPECT_EQ(Message(Quarter(6, result)), "3 is odd");
}

TEST(Severity, Names) {
  EXPECT_STREQ(SeverityName(Severity::kNote), "note");
  EXPECT_STREQ(SeverityName(Severity::kWarning), "warning");
  EXPECT_STREQ(SeverityName(Severity::kError), "error");
}

}  // namespace
}  // namespace assize
