// The table from status codes to exit codes. Tests: tests/support/status_test.cc.
#include "lib/support/exit_code.h"

namespace assize {

ExitCode ExitCodeOf(const Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (auto payload = status.GetPayload("assize/exit"); payload.has_value()) {
    const std::string text(*payload);
    for (ExitCode code : {ExitCode::kOk, ExitCode::kFindings, ExitCode::kUsage, ExitCode::kBadInput,
                          ExitCode::kNotTrusted, ExitCode::kEnvironment, ExitCode::kOurBug}) {
      if (text == std::to_string(static_cast<int>(code))) return code;
    }
    return ExitCode::kOurBug;
  }
  switch (status.code()) {
    case StatusCode::kInvalidArgument:
    case StatusCode::kNotFound:
    case StatusCode::kAlreadyExists:
    case StatusCode::kUnimplemented:
    case StatusCode::kOutOfRange:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kResourceExhausted:
      return ExitCode::kBadInput;
    case StatusCode::kUnauthenticated:
    case StatusCode::kPermissionDenied:
    case StatusCode::kDataLoss:
      return ExitCode::kNotTrusted;
    case StatusCode::kUnavailable:
    case StatusCode::kCancelled:
    case StatusCode::kAborted:
    case StatusCode::kDeadlineExceeded:
      return ExitCode::kEnvironment;
    default:
      return ExitCode::kOurBug;
  }
}

}  // namespace assize
