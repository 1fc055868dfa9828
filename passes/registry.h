// Every pass of passes.def, registered. Tests: tests/passes/registry_test.cc.
#pragma once

#include "lib/pass/registry.h"

namespace assize::passes {

const pass::Registry& AllPasses();

}  // namespace assize::passes
