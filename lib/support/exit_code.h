// The program's exit codes, the same everywhere.
#pragma once

#include "lib/support/status.h"

namespace assize {

enum class ExitCode : int {
  kOk = 0,           // done, all criteria met
  kFindings = 1,     // a criterion, policy or comparison failed or stayed undecided
  kUsage = 2,        // the command line or pipeline text
  kBadInput = 3,     // model, recipe or data
  kNotTrusted = 4,   // signature, digest, key, coverage
  kEnvironment = 5,  // disk, memory limit, permission, interruption
  kOurBug = 70,      // a reproducer is written
};

// Payload "assize/exit" wins; otherwise by code, as listed in status.h.
ExitCode ExitCodeOf(const Status& status);

}  // namespace assize
