// Control catalogs: which of our own objectives say something about which control, and what they
// leave open. Numbers are the standards'; the words are ours. Private to this room.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "lib/evidence/facts.h"
#include "lib/support/status.h"

namespace assize::evidence {

struct Objective {
  const char* control;  // "A.8.29", an OSCAL token
  const char* name;     // "criteria-met"; the target id is assize.<control>.<name>
  const char* title;    // what is shown
  const char* leaves_open;
  const char* evidence;  // the file that shows it
  bool (*met)(const BuildFacts&, const ReleaseFacts&);
};

struct Catalog {
  const char* name;  // "iso27001-2022"
  const char* title;
  std::span<const Objective> objectives;
};

std::span<const Catalog> Catalogs();
StatusOr<const Catalog*> FindCatalog(const std::string& name);

}  // namespace assize::evidence
