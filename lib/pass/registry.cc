// The registry: lookup by flag and by folder. Tests: tests/pass/pipeline_test.cc.
#include "lib/pass/registry.h"

namespace assize::pass {

std::string_view NameOf(Folder folder) {
  switch (folder) {
    case Folder::kSimplify:
      return "simplify";
    case Folder::kFuse:
      return "fuse";
    case Folder::kConvert:
      return "convert";
    case Folder::kPrune:
      return "prune";
    case Folder::kQuantize:
      return "quantize";
    case Folder::kDistill:
      return "distill";
    case Folder::kCheck:
      return "check";
    case Folder::kTesting:
      return "testing";
  }
  return "?";
}

void Registry::Add(Registration registration) {
  AZ_CHECK(Find(registration.flag) == nullptr, "pass {} is registered twice", registration.flag);
  all_.push_back(std::move(registration));
}

const Registration* Registry::Find(std::string_view flag) const {
  for (const Registration& r : all_) {
    if (r.flag == flag) return &r;
  }
  return nullptr;
}

std::vector<std::string> Registry::Group(std::string_view folder) const {
  std::vector<std::string> flags;
  for (const Registration& r : all_) {
    if (NameOf(r.folder) == folder) flags.push_back(r.flag);
  }
  return flags;
}

}  // namespace assize::pass
