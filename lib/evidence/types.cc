// Role names and file names of a release.
#include "lib/evidence/types.h"

#include <fmt/format.h>

#include "lib/support/suggest.h"

namespace assize::evidence {
namespace {

struct RoleRow {
  Role role;
  const char* name;
};
constexpr std::array<RoleRow, 7> kRoles = {{{Role::kCriteria, "criteria"},
                                            {Role::kBuilder, "builder"},
                                            {Role::kEvaluator, "evaluator"},
                                            {Role::kReleaser, "releaser"},
                                            {Role::kApprover, "approver"},
                                            {Role::kRiskOwner, "risk-owner"},
                                            {Role::kGate, "gate"}}};

}  // namespace

const char* RoleName(Role role) {
  for (const RoleRow& row : kRoles) {
    if (row.role == role) return row.name;
  }
  AZ_CHECK(false, "role {}", static_cast<int>(role));
  return "";
}

StatusOr<Role> ParseRole(std::string_view name) {
  for (const RoleRow& row : kRoles) {
    if (name == row.name) return row.role;
  }
  const std::vector<std::string> names = RoleNames();
  return InvalidArgument("unknown role \"{}\"{}; roles are {}", name, DidYouMean(name, names),
                         fmt::join(names, ", "));
}

std::vector<std::string> RoleNames() {
  std::vector<std::string> names;
  for (const RoleRow& row : kRoles) names.emplace_back(row.name);
  return names;
}

std::string VerdictFile(int number) {
  return fmt::format("{}/{:04d}.sigstore.json", kVerdictsFolder, number);
}

std::string ReleaseUri(const std::string& name, const std::string& version) {
  return fmt::format("assize:{}@{}", name, version);
}

}  // namespace assize::evidence
