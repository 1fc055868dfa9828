// Disjoint selections by groups of identical rows. Tests: tests/data/splits_test.cc.
#include "lib/data/splits.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <set>

#include "lib/support/files.h"
#include "lib/support/random.h"
#include "lib/support/suggest.h"

namespace assize::data {
namespace {

constexpr std::string_view kEvaluation = "evaluation";

// Rows of one data set in components: identical content or the same declared group, transitively.
class Components {
 public:
  explicit Components(const Dataset& set) : set_(&set) {
    const int64_t n = set.rows();
    parent_.resize(static_cast<size_t>(n));
    std::iota(parent_.begin(), parent_.end(), 0);
    std::map<Digest, int64_t> by_digest;
    std::map<int64_t, int64_t> by_group;
    for (int64_t row = 0; row < n; ++row) {
      Join(row, by_digest.emplace(set.RowDigests()[static_cast<size_t>(row)], row).first->second);
      if (set.has_groups()) {
        Join(row, by_group.emplace(set.groups()[static_cast<size_t>(row)], row).first->second);
      }
    }
    for (int64_t row = 0; row < n; ++row) members_[Of(row)].push_back(row);
  }
  // The component's smallest row.
  int64_t Of(int64_t row) {
    while (parent_[static_cast<size_t>(row)] != row) {
      int64_t& up = parent_[static_cast<size_t>(row)];
      up = parent_[static_cast<size_t>(up)];
      row = up;
    }
    return row;
  }
  const std::map<int64_t, std::vector<int64_t>>& members() const { return members_; }
  const Dataset& set() const { return *set_; }

 private:
  void Join(int64_t a, int64_t b) {
    a = Of(a);
    b = Of(b);
    parent_[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
  }
  const Dataset* set_;
  std::vector<int64_t> parent_;
  std::map<int64_t, std::vector<int64_t>> members_;
};

// Contents and groups that are spoken for, comparable across data sets.
struct Taken {
  std::set<Digest> digests;
  std::set<int64_t> groups;

  void Add(const Dataset& set, const std::vector<int64_t>& rows) {
    for (const int64_t row : rows) {
      digests.insert(set.RowDigests()[static_cast<size_t>(row)]);
      if (set.has_groups()) groups.insert(set.groups()[static_cast<size_t>(row)]);
    }
  }
  // Does any row of the component occur here?
  bool Touches(const Dataset& set, const std::vector<int64_t>& component) const {
    return std::any_of(component.begin(), component.end(), [&](int64_t row) {
      return digests.contains(set.RowDigests()[static_cast<size_t>(row)]) ||
             (set.has_groups() && groups.contains(set.groups()[static_cast<size_t>(row)]));
    });
  }
};

class Splitter {
 public:
  Splitter(const std::map<std::string, const Dataset*>& sets,
           const std::vector<SplitRequest>& requests)
      : sets_(sets), requests_(requests) {}

  StatusOr<Splits> Run() {
    AZ_RETURN_IF_ERROR(CheckRequests());
    splits_.records.resize(requests_.size());
    const auto evaluation =
        std::find_if(requests_.begin(), requests_.end(),
                     [](const SplitRequest& request) { return request.name == kEvaluation; });
    const bool rest = evaluation != requests_.end() && TakesRest(*evaluation);
    if (evaluation != requests_.end() && !rest) AZ_RETURN_IF_ERROR(Select(*evaluation));
    for (const SplitRequest& request : requests_) {
      if (request.name != kEvaluation) AZ_RETURN_IF_ERROR(Select(request));
    }
    if (rest) AZ_RETURN_IF_ERROR(SelectRest(*evaluation));
    for (const SplitRequest& request : requests_) AZ_RETURN_IF_ERROR(Finish(request));
    return std::move(splits_);
  }

 private:
  static bool Whole(const SplitRequest& request) { return !request.rows && !request.listed; }

  // Evaluation on what the others leave: they take a part of the same set.
  bool TakesRest(const SplitRequest& evaluation) const {
    return Whole(evaluation) &&
           std::any_of(requests_.begin(), requests_.end(), [&](const SplitRequest& other) {
             return other.name != kEvaluation && other.from == evaluation.from && !Whole(other);
           });
  }

  Status CheckRequests() {
    std::vector<std::string> known;
    for (const auto& [name, set] : sets_) known.push_back(name);
    std::set<std::string> names;
    for (const SplitRequest& request : requests_) {
      if (!names.insert(request.name).second) {
        return InvalidArgument("split \"{}\" is given twice", request.name);
      }
      const auto set = sets_.find(request.from);
      if (set == sets_.end()) {
        return InvalidArgument("split \"{}\": no data set \"{}\"{}", request.name, request.from,
                               DidYouMean(request.from, known));
      }
      if (!components_.contains(request.from)) {
        components_.emplace(request.from, Components(*set->second));
      }
      if (request.rows && request.listed) {
        return InvalidArgument("split \"{}\": a number of rows or a list of rows, not both",
                               request.name);
      }
      if (request.rows && (*request.rows < 1 || *request.rows > set->second->rows())) {
        return InvalidArgument("split \"{}\": {} rows asked, data set \"{}\" has {}", request.name,
                               *request.rows, request.from, set->second->rows());
      }
      if (request.listed) {
        std::set<int64_t> seen;
        for (const int64_t row : *request.listed) {
          if (row < 0 || row >= set->second->rows()) {
            return InvalidArgument("split \"{}\": row {} is not in data set \"{}\" (0 to {})",
                                   request.name, row, request.from, set->second->rows() - 1);
          }
          if (!seen.insert(row).second) {
            return InvalidArgument("split \"{}\": row {} is listed twice", request.name, row);
          }
        }
      }
    }
    return OkStatus();
  }

  SplitRecord& RecordOf(const SplitRequest& request) {
    return splits_.records[static_cast<size_t>(&request - requests_.data())];
  }

  Status Select(const SplitRequest& request) {
    Components& components = components_.at(request.from);
    const Dataset& set = components.set();
    SplitRecord& record = RecordOf(request);
    // Rows that other requests of this set name one by one are not there for a draw.
    std::set<int64_t> reserved;
    for (const SplitRequest& other : requests_) {
      if (&other == &request || other.from != request.from || !other.listed) continue;
      for (const int64_t row : *other.listed) reserved.insert(components.Of(row));
    }
    std::vector<int64_t> candidates;
    if (request.listed) {
      candidates = *request.listed;
    } else {
      for (int64_t row = 0; row < set.rows(); ++row) {
        if (!request.rows || !reserved.contains(components.Of(row))) candidates.push_back(row);
      }
    }
    std::map<int64_t, int> fate;  // by component: 0 free, 1 in evaluation, 2 in an earlier split
    std::vector<int64_t> free;
    for (const int64_t row : candidates) {
      const int64_t component = components.Of(row);
      auto known = fate.find(component);
      if (known == fate.end()) {
        const std::vector<int64_t>& members = components.members().at(component);
        const int what = evaluation_.Touches(set, members) ? 1
                         : taken_.Touches(set, members)    ? 2
                                                           : 0;
        known = fate.emplace(component, what).first;
      }
      if (known->second == 0) free.push_back(row);
      if (known->second == 1) ++record.dropped_overlap;
      if (known->second == 2) ++record.dropped_taken;
    }
    record.rule = request.listed ? "listed" : request.rows ? "drawn" : "all";
    record.asked = request.rows ? *request.rows : static_cast<int64_t>(candidates.size());
    if (request.rows) {
      record.seed = request.seed;
      AZ_ASSIGN_OR_RETURN(free, Draw(request, components, free));
    }
    (request.name == kEvaluation ? evaluation_ : taken_).Add(set, free);
    splits_.rows[request.name] = std::move(free);
    return OkStatus();
  }

  // Partial Fisher-Yates over components, in order of their smallest row; one that would overshoot
  // is passed over.
  StatusOr<std::vector<int64_t>> Draw(const SplitRequest& request, Components& components,
                                      const std::vector<int64_t>& free) {
    std::vector<std::vector<int64_t>> groups;
    std::map<int64_t, size_t> index;
    for (const int64_t row : free) {
      const auto [at, added] = index.emplace(components.Of(row), groups.size());
      if (added) groups.emplace_back();
      groups[at->second].push_back(row);
    }
    int64_t left = *request.rows;
    if (static_cast<int64_t>(free.size()) < left) {
      return InvalidArgument(
          "split \"{}\": {} rows asked, but only {} of \"{}\" are left ({} also occur in "
          "evaluation, {} in other splits)",
          request.name, left, free.size(), request.from, RecordOf(request).dropped_overlap,
          components.set().rows() - static_cast<int64_t>(free.size()) -
              RecordOf(request).dropped_overlap);
    }
    Philox random(request.seed);
    std::vector<int64_t> rows;
    for (size_t i = 0; i < groups.size() && left > 0; ++i) {
      const size_t j = i + static_cast<size_t>(random.NextBelow(groups.size() - i));
      std::swap(groups[i], groups[j]);
      if (static_cast<int64_t>(groups[i].size()) > left) continue;
      left -= static_cast<int64_t>(groups[i].size());
      rows.insert(rows.end(), groups[i].begin(), groups[i].end());
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  // Evaluation takes what the others left; what they share with it by content is dropped from them.
  Status SelectRest(const SplitRequest& request) {
    const Dataset& set = components_.at(request.from).set();
    std::set<int64_t> used;
    for (const SplitRequest& other : requests_) {
      if (other.name != kEvaluation && other.from == request.from) {
        used.insert(splits_.rows[other.name].begin(), splits_.rows[other.name].end());
      }
    }
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < set.rows(); ++row) {
      if (!used.contains(row)) rows.push_back(row);
    }
    evaluation_.Add(set, rows);
    SplitRecord& record = RecordOf(request);
    record.rule = "rest";
    record.asked = static_cast<int64_t>(rows.size());
    splits_.rows[request.name] = std::move(rows);
    for (const SplitRequest& other : requests_) {
      if (other.name == kEvaluation) continue;
      Components& components = components_.at(other.from);
      std::vector<int64_t>& theirs = splits_.rows[other.name];
      const size_t before = theirs.size();
      std::erase_if(theirs, [&](int64_t row) {
        return evaluation_.Touches(components.set(), components.members().at(components.Of(row)));
      });
      RecordOf(other).dropped_overlap += static_cast<int64_t>(before - theirs.size());
    }
    return OkStatus();
  }

  Status Finish(const SplitRequest& request) {
    Components& components = components_.at(request.from);
    const std::vector<int64_t>& rows = splits_.rows[request.name];
    SplitRecord& record = RecordOf(request);
    if (rows.empty()) {
      return InvalidArgument(
          "split \"{}\" is empty: {} rows of \"{}\" asked, {} also occur in evaluation, {} in "
          "other splits",
          request.name, record.asked, request.from, record.dropped_overlap, record.dropped_taken);
    }
    std::set<int64_t> groups;
    for (const int64_t row : rows) groups.insert(components.Of(row));
    record.name = request.name;
    record.from = request.from;
    record.rows = static_cast<int64_t>(rows.size());
    record.groups = static_cast<int64_t>(groups.size());
    record.selection = components.set().SelectionDigest(rows);
    splits_.from[request.name] = request.from;
    return OkStatus();
  }

  const std::map<std::string, const Dataset*>& sets_;
  const std::vector<SplitRequest>& requests_;
  std::map<std::string, Components> components_;
  Taken evaluation_, taken_;
  Splits splits_;
};

}  // namespace

Json SplitRecord::ToJson() const {
  Json json = {{"name", name},
               {"from", from},
               {"rule", rule},
               {"asked", asked},
               {"rows", rows},
               {"groups", groups},
               {"dropped_overlap", dropped_overlap},
               {"dropped_taken", dropped_taken}};
  if (rule == "drawn") json["seed"] = seed;
  json["selection"] = Hex(selection);
  return json;
}

StatusOr<Splits> MakeSplits(const std::map<std::string, const Dataset*>& sets,
                            const std::vector<SplitRequest>& requests) {
  return Splitter(sets, requests).Run();
}

StatusOr<std::vector<int64_t>> ReadRowList(const std::string& path, const std::string& key) {
  AZ_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, uint64_t{64} << 20));
  std::vector<int64_t> rows;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (text[first] == '[' || text[first] == '{')) {
    AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(text, path));
    const Json* list = &json;
    if (json.is_object()) {
      if (key.empty()) {
        return InvalidArgument("{}: an object of row lists; say which one", path);
      }
      AZ_ASSIGN_OR_RETURN(list, JsonArray(json, key, path));
    } else if (!key.empty()) {
      return InvalidArgument("{}: one list of rows, \"{}\" was asked for", path, key);
    }
    for (size_t i = 0; i < list->size(); ++i) {
      if (!(*list)[i].is_number_integer()) {
        return InvalidArgument("{}: entry {} is no row number", path, i);
      }
      rows.push_back((*list)[i].get<int64_t>());
    }
    return rows;
  }
  if (!key.empty()) return InvalidArgument("{}: one list of rows, \"{}\" was asked for", path, key);
  int64_t line = 0;
  for (size_t start = 0; start < text.size();) {
    ++line;
    size_t end = std::min(text.find('\n', start), text.size());
    const size_t next = end + 1;
    if (end > start && text[end - 1] == '\r') --end;
    if (end > start) {
      int64_t row = 0;
      const auto [stop, error] = std::from_chars(text.data() + start, text.data() + end, row);
      if (error != std::errc() || stop != text.data() + end) {
        return InvalidArgument("{}:{}:1: expected a row number, found \"{}\"", path, line,
                               text.substr(start, std::min<size_t>(end - start, 40)));
      }
      rows.push_back(row);
    }
    start = next;
  }
  return rows;
}

}  // namespace assize::data
