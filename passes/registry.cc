// The rows of passes.def as a registry. Tests: tests/passes/registry_test.cc.
#include "passes/registry.h"

#include <memory>

namespace assize::passes {

#define ASSIZE_PASS(flag, Class, folder) std::unique_ptr<pass::Pass> Create##Class();
#include "passes/passes.def"
#undef ASSIZE_PASS

const pass::Registry& AllPasses() {
  static const pass::Registry registry = [] {
    pass::Registry made;
#define ASSIZE_PASS(flag, Class, folder) \
  made.Add({flag, #Class, pass::Folder::folder, Create##Class});
#include "passes/passes.def"
#undef ASSIZE_PASS
    return made;
  }();
  return registry;
}

}  // namespace assize::passes
