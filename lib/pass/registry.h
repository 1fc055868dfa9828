// The registry of passes: one row of passes/passes.def each. Tests: tests/passes/registry_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/pass/pass.h"

namespace assize::pass {

struct Registration {
  std::string flag;        // "fuse-conv-bn"
  std::string class_name;  // "FuseConvBn"
  Folder folder = Folder::kSimplify;
  std::function<std::unique_ptr<Pass>()> create;
};

class Registry {
 public:
  void Add(Registration registration);  // traps on a flag that exists
  const Registration* Find(std::string_view flag) const;
  const std::vector<Registration>& all() const { return all_; }  // order of passes.def
  // Flags of the folder's passes in order: what the names `simplify` and `fuse` in a pipeline stand
  // for.
  std::vector<std::string> Group(std::string_view folder) const;

 private:
  std::vector<Registration> all_;
};

}  // namespace assize::pass
