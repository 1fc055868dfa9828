// From a policy file to typed demands.
#include "lib/policy/policy.h"

#include <algorithm>

#include "lib/support/suggest.h"

namespace assize::policy {

const TrustedKey* GatePolicy::FindKey(std::string_view key_id) const {
  for (const TrustedKey& trusted : keys) {
    if (trusted.key.id() == key_id) return &trusted;
  }
  return nullptr;
}

std::vector<trust::PublicKey> GatePolicy::PublicKeys() const {
  std::vector<trust::PublicKey> list;
  for (const TrustedKey& trusted : keys) list.push_back(trusted.key);
  return list;
}

StatusOr<eval::Criterion> TypedCriterion(const recipe::Criterion& criterion) {
  eval::Criterion typed;
  StatusOr<eval::Metric> metric = eval::ParseMetric(criterion.metric);
  if (!metric.ok()) return criterion.place.At(metric.status());
  typed.id = criterion.id;
  typed.metric = *metric;
  if (const auto k = eval::TopKOf(criterion.metric)) typed.k = *k;
  if (criterion.k) typed.k = *criterion.k;
  if (criterion.class_index) typed.class_index = *criterion.class_index;
  switch (criterion.comparator) {
    case recipe::Comparator::kAtLeast:
      typed.comparator = eval::Comparator::kAtLeast;
      break;
    case recipe::Comparator::kAtMost:
      typed.comparator = eval::Comparator::kAtMost;
      break;
    case recipe::Comparator::kMaxDrop:
      typed.comparator = eval::Comparator::kMaxDrop;
      break;
  }
  typed.threshold = criterion.threshold;
  typed.against_source =
      criterion.against_source || typed.comparator == eval::Comparator::kMaxDrop ||
      typed.metric == eval::Metric::kFlipRate || typed.metric == eval::Metric::kLogitNoise;
  typed.confidence = criterion.confidence;
  if (typed.id.empty()) typed.id = eval::MakeCriterionId(typed);
  if (Status status = eval::CheckCriterion(typed); !status.ok()) return criterion.place.At(status);
  return typed;
}

StatusOr<GatePolicy> FromFile(const recipe::PolicyFile& file) {
  GatePolicy policy;
  policy.text = file.text;
  policy.origin = file.origin;
  policy.release = file.release;
  for (const recipe::TrustedKeyFile& entry : file.keys) {
    StatusOr<trust::PublicKey> key = trust::PublicKey::Load(file.Resolve(entry.path));
    if (!key.ok()) return entry.place.At(key.status());
    TrustedKey trusted{*std::move(key), {}, entry.not_before, entry.not_after, entry.revoked};
    for (const std::string& name : entry.roles) {
      StatusOr<evidence::Role> role = evidence::ParseRole(name);
      if (!role.ok()) return entry.place.At(role.status());
      trusted.roles.insert(*role);
    }
    // One key under two file names: the stricter reading of both would be a guess.
    if (const TrustedKey* same = policy.FindKey(trusted.key.id()); same != nullptr) {
      if (same->revoked != trusted.revoked || same->valid_from != trusted.valid_from ||
          same->valid_until != trusted.valid_until) {
        return entry.place.At(InvalidArgument("key {} is listed twice with different validity",
                                              trusted.key.id().substr(0, 16)));
      }
      for (TrustedKey& known : policy.keys) {
        if (known.key == trusted.key)
          known.roles.insert(trusted.roles.begin(), trusted.roles.end());
      }
      continue;
    }
    policy.keys.push_back(std::move(trusted));
  }
  policy.allow_demo_keys = file.allow_demo_keys;
  policy.source_sha256 = file.source_sha256;
  policy.evaluation_set_sha256 = file.evaluation_set_sha256;
  for (const recipe::Criterion& criterion : file.criteria) {
    AZ_ASSIGN_OR_RETURN(eval::Criterion typed, TypedCriterion(criterion));
    policy.criteria.push_back(std::move(typed));
  }
  policy.min_samples = file.min_samples;
  for (const std::string& name : file.separate) {
    AZ_ASSIGN_OR_RETURN(const evidence::Role role, evidence::ParseRole(name));
    policy.separate.insert(role);
  }
  policy.separation_waiver = file.separation_waiver;
  policy.approvals = file.approvals;
  policy.allow_waivers = file.allow_waivers;
  policy.require_proved_order = file.require_proved_order;
  policy.require_reevaluation = file.require_re_evaluation;
  policy.max_earlier_attempts = file.max_earlier_attempts;
  policy.require_journal = file.require_journal;
  policy.accepted = {file.not_older_than.version, file.not_older_than.journal_sequence,
                     file.not_older_than.journal_entry_sha256};
  return policy;
}

}  // namespace assize::policy
