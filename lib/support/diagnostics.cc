// Names of severities, as they are printed and written. Tests: tests/support/status_test.cc.
#include "lib/support/diagnostics.h"

namespace assize {

const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

}  // namespace assize
