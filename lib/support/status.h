// Status and StatusOr: how every room reports failure. No exception crosses a room.
//
// Thin names over abseil's, so that the rest of the tree includes one header. A message is lower
// case, without final period, and says what was found, what was expected, and where. ExitCodeOf
// maps a status to the program's exit code (support/exit_code.h). Tests:
// tests/support/status_test.cc.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <string>
#include <utility>

namespace assize {

using absl::OkStatus;
using absl::Status;
using absl::StatusCode;
template <typename T>
using StatusOr = absl::StatusOr<T>;

inline Status MakeStatus(StatusCode code, const std::string& text) { return Status(code, text); }

#define AZ_STATUS_FACTORY(Name, Code)                                                      \
  template <typename... Args>                                                              \
  Status Name(fmt::format_string<Args...> format, Args&&... args) {                        \
    return MakeStatus(StatusCode::Code, fmt::format(format, std::forward<Args>(args)...)); \
  }
AZ_STATUS_FACTORY(InvalidArgument,
                  kInvalidArgument)               // the user's text, model or data is wrong: exit 3
AZ_STATUS_FACTORY(NotFound, kNotFound)            // a file or name that should be there: exit 3
AZ_STATUS_FACTORY(AlreadyExists, kAlreadyExists)  // a version or file that must not be: exit 3
AZ_STATUS_FACTORY(Unimplemented, kUnimplemented)  // valid, but we lack it: exit 3
AZ_STATUS_FACTORY(OutOfRange, kOutOfRange)        // an index or value beyond its range: exit 3
AZ_STATUS_FACTORY(FailedPrecondition, kFailedPrecondition)  // wrong order or state: exit 3
AZ_STATUS_FACTORY(ResourceExhausted,
                  kResourceExhausted)  // a limit, named in the message: exit 3 for input, see below
AZ_STATUS_FACTORY(Unauthenticated, kUnauthenticated)    // signature or key: exit 4
AZ_STATUS_FACTORY(PermissionDenied, kPermissionDenied)  // trust refused by policy: exit 4
AZ_STATUS_FACTORY(DataLoss, kDataLoss)                  // a digest does not match: exit 4
AZ_STATUS_FACTORY(Unavailable, kUnavailable)  // environment: disk, permission, memory: exit 5
AZ_STATUS_FACTORY(Cancelled, kCancelled)      // interrupted by the user: exit 5
AZ_STATUS_FACTORY(Internal, kInternal)        // our bug: exit 70
#undef AZ_STATUS_FACTORY

// Marks a command line or pipeline-text error: exit 2.
template <typename... Args>
Status UsageError(fmt::format_string<Args...> format, Args&&... args) {
  Status status = InvalidArgument(format, std::forward<Args>(args)...);
  status.SetPayload("assize/exit", absl::Cord("2"));
  return status;
}

// std::string of a status message (abseil's string_view is not std's here).
inline std::string Message(const Status& status) { return std::string(status.message()); }

// Prefixes the message with where it happened: "model.onnx: graph \"g\": <message>". Keeps code and
// payload.
Status Annotate(const Status& status, const std::string& where);

// Called once with the text of a failed AZ_CHECK, before the program ends: writes the reproducer.
// Process-wide; null removes it. It runs in a broken program: it must not rely on more than it
// captured beforehand.
using CheckHook = void (*)(const std::string& message);
void SetCheckHook(CheckHook hook);

namespace support_internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);
}  // namespace support_internal

}  // namespace assize

#define AZ_CONCAT_INNER(a, b) a##b
#define AZ_CONCAT(a, b) AZ_CONCAT_INNER(a, b)

#define AZ_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                \
    if (::assize::Status az_status = (expression); !az_status.ok()) return az_status; \
  } while (false)

#define AZ_ASSIGN_OR_RETURN(lhs, expression) \
  AZ_ASSIGN_OR_RETURN_IMPL(AZ_CONCAT(az_statusor_, __LINE__), lhs, expression)
#define AZ_ASSIGN_OR_RETURN_IMPL(var, lhs, expression) \
  auto var = (expression);                             \
  if (!var.ok()) return std::move(var).status();       \
  lhs = std::move(var).value()

// An invariant, checked in release builds too. On failure: message, reproducer hook, exit 70.
#define AZ_CHECK(condition, ...)                                              \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::assize::support_internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                              fmt::format("" __VA_ARGS__));   \
  } while (false)
