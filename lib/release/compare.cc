// Masking what a second build may change, and comparing the rest.
//
// A digest is masked only when it is known to be the digest of something that may differ: a bundle,
// a journal line, a file that holds such digests. It is replaced by the name of that thing, so that
// a digest of the wrong thing still shows as a difference.
#include "lib/release/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/evidence/types.h"
#include "lib/support/json.h"
#include "lib/support/sha256.h"
#include "lib/trust/base64.h"

namespace assize::release {
namespace {

constexpr size_t kShortKeyId = 16;  // hex digits of a key id where only its beginning is shown

StatusOr<std::string> PayloadOf(const std::string& bundle, const std::string& where) {
  AZ_ASSIGN_OR_RETURN(const Json json, ParseJson(bundle, where));
  AZ_ASSIGN_OR_RETURN(const Json* envelope, JsonObject(json, "dsseEnvelope", where));
  AZ_ASSIGN_OR_RETURN(const std::string payload, JsonString(*envelope, "payload", where));
  return trust::Base64Decode(payload);
}

std::string KeyOf(const std::string& bundle) {
  const StatusOr<Json> json = ParseJson(bundle, "bundle");
  if (!json.ok()) return "";
  for (const char* path : {"/verificationMaterial/publicKey/hint"}) {
    const Json::json_pointer pointer(path);
    if (json->contains(pointer) && (*json)[pointer].is_string()) {
      return (*json)[pointer].get<std::string>();
    }
  }
  return "";
}

bool IsBundle(const std::string& name) {
  return name == evidence::kModelSignature || name.ends_with(".sigstore.json");
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

bool IsTime(std::string_view text) {
  if (text.size() != 20) return false;
  static constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return false;
  }
  return true;
}

class Mask {
 public:
  explicit Mask(const Release& release) {
    for (const auto& [name, bytes] : release.files) {
      if (name != evidence::kRecipeFile)
        known_[release.digests.at(name)] = "<digest of " + name + ">";
      if (IsBundle(name)) AddKey(KeyOf(bytes));
    }
    const auto journal = release.files.find(evidence::kJournalFile);
    if (journal == release.files.end()) return;
    // Counted from the end: stores differ in what was built before.
    const std::vector<std::string> lines = Lines(journal->second);
    for (size_t i = 0; i < lines.size(); ++i) {
      known_[Hex(Sha256(lines[i] + "\n"))] =
          fmt::format("<journal line {} from the end>", lines.size() - i);
      AddKey(KeyOf(lines[i]));
    }
    known_[std::string(64, '0')] = "<no journal line>";
  }

  // Times, key ids and dependent digests inside any text.
  std::string Text(const std::string& text) const {
    std::string out;
    for (size_t i = 0; i < text.size();) {
      if (IsTime(std::string_view(text).substr(i, 20))) {
        out += "<time>";
        i += 20;
        continue;
      }
      const size_t length = HexRun(text, i);
      if (length > 0) {
        const std::string digits = text.substr(i, length);
        const auto found = known_.find(digits);
        out += found == known_.end() ? digits : found->second;
        i += length;
        continue;
      }
      out += text[i++];
    }
    return out;
  }

  Json Value(const Json& value) const {
    if (value.is_string()) return Text(value.get<std::string>());
    if (value.is_array()) {
      Json out = Json::array();
      for (const Json& item : value) out.push_back(Value(item));
      return out;
    }
    if (!value.is_object()) return value;
    Json out = Json::object();
    for (const auto& [member, child] : value.items()) {
      if (member == "measurements") continue;
      const bool masked = member == "sequence" && child.is_number();
      out[member] = masked ? Json("<sequence>") : Value(child);
    }
    return out;
  }

 private:
  void AddKey(const std::string& id) {
    if (id.empty()) return;
    known_[id] = "<key>";
    known_[id.substr(0, kShortKeyId)] = "<key>";
  }
  // Length of a run of hex digits that begins here and not before; 0 when none of 16 or 64.
  static size_t HexRun(const std::string& text, size_t start) {
    const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (start > 0 && hex(text[start - 1])) return 0;
    size_t end = start;
    while (end < text.size() && hex(text[end])) ++end;
    const size_t length = end - start;
    return length == 64 || length == kShortKeyId ? length : 0;
  }

  std::map<std::string, std::string> known_;
};

std::string Shown(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
  if (text.size() > 120) text = text.substr(0, 117) + "...";
  return text;
}

void CompareJson(const Json& left, const Json& right, const std::string& file,
                 const std::string& place, std::vector<Difference>& out) {
  if (left == right) return;
  if (left.is_object() && right.is_object()) {
    std::set<std::string> members;
    for (const auto& [member, value] : left.items()) members.insert(member);
    for (const auto& [member, value] : right.items()) members.insert(member);
    for (const std::string& member : members) {
      const std::string at = place + "/" + member;
      if (!left.contains(member)) {
        out.push_back({file, at, "absent", Shown(right[member])});
      } else if (!right.contains(member)) {
        out.push_back({file, at, Shown(left[member]), "absent"});
      } else {
        CompareJson(left[member], right[member], file, at, out);
      }
    }
    return;
  }
  if (left.is_array() && right.is_array() && left.size() == right.size()) {
    for (size_t i = 0; i < left.size(); ++i) {
      CompareJson(left[i], right[i], file, fmt::format("{}/{}", place, i), out);
    }
    return;
  }
  out.push_back({file, place, Shown(left), Shown(right)});
}

Status CompareStatements(const std::string& left, const Mask& left_mask, const std::string& right,
                         const Mask& right_mask, const std::string& file,
                         std::vector<Difference>& out) {
  AZ_ASSIGN_OR_RETURN(const std::string left_payload, PayloadOf(left, file));
  AZ_ASSIGN_OR_RETURN(const std::string right_payload, PayloadOf(right, file));
  AZ_ASSIGN_OR_RETURN(const Json left_json, ParseJson(left_payload, file));
  AZ_ASSIGN_OR_RETURN(const Json right_json, ParseJson(right_payload, file));
  CompareJson(left_mask.Value(left_json), right_mask.Value(right_json), file, "", out);
  return OkStatus();
}

void CompareText(const std::string& left, const std::string& right, const std::string& file,
                 std::vector<Difference>& out) {
  if (left == right) return;
  const std::vector<std::string> a = Lines(left), b = Lines(right);
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string none = "absent";
    const std::string& x = i < a.size() ? a[i] : none;
    const std::string& y = i < b.size() ? b[i] : none;
    if (x != y) out.push_back({file, fmt::format("line {}", i + 1), Shown(x), Shown(y)});
  }
}

}  // namespace

StatusOr<std::vector<Difference>> CompareReleases(const Release& left, const Release& right) {
  std::vector<Difference> out;
  const Mask left_mask(left), right_mask(right);
  if (left.folder != right.folder) {
    out.push_back({"", "", left.folder + "/", right.folder + "/"});
  }
  std::set<std::string> model_files;
  for (const trust::ModelFile& file : left.tree.files) model_files.insert(file.name);
  for (const trust::ModelFile& file : right.tree.files) model_files.insert(file.name);
  for (const std::string& name : model_files) {
    const trust::ModelFile* a = left.tree.Find(name);
    const trust::ModelFile* b = right.tree.Find(name);
    if (a != nullptr && b != nullptr && a->sha256 == b->sha256) continue;
    out.push_back({"model/" + name, "", a == nullptr ? "absent" : a->sha256,
                   b == nullptr ? "absent" : b->sha256});
  }
  std::set<std::string> names;
  for (const auto& [name, bytes] : left.files) names.insert(name);
  for (const auto& [name, bytes] : right.files) names.insert(name);
  for (const std::string& name : names) {
    const auto a = left.files.find(name), b = right.files.find(name);
    if (a == left.files.end() || b == right.files.end()) {
      out.push_back({name, "", a == left.files.end() ? "absent" : "there",
                     b == right.files.end() ? "absent" : "there"});
    } else if (IsBundle(name)) {
      AZ_RETURN_IF_ERROR(CompareStatements(a->second, left_mask, b->second, right_mask, name, out));
    } else if (name == evidence::kJournalFile) {
      // This build's own two lines; what else a store has built is not this release's.
      const std::vector<std::string> x = Lines(a->second), y = Lines(b->second);
      for (size_t back = 1; back <= 2; ++back) {
        if (x.size() < back || y.size() < back) {
          out.push_back(
              {name, "", fmt::format("{} lines", x.size()), fmt::format("{} lines", y.size())});
          break;
        }
        // The line before the build's first belongs to another build, or is none.
        const std::string left_line = x[x.size() - back], right_line = y[y.size() - back];
        std::vector<Difference> found;
        AZ_RETURN_IF_ERROR(
            CompareStatements(left_line, left_mask, right_line, right_mask, name, found));
        for (Difference& difference : found) {
          if (back == 2 && difference.place == "/predicate/predecessor") continue;
          out.push_back(std::move(difference));
        }
      }
    } else if (name == evidence::kMlBomTwin || name == evidence::kControlsTwin) {
      AZ_ASSIGN_OR_RETURN(const Json x, ParseJson(a->second, name));
      AZ_ASSIGN_OR_RETURN(const Json y, ParseJson(b->second, name));
      CompareJson(left_mask.Value(x), right_mask.Value(y), name, "", out);
    } else if (name == evidence::kRecipeFile) {
      CompareText(a->second, b->second, name, out);
    } else {
      CompareText(left_mask.Text(a->second), right_mask.Text(b->second), name, out);
    }
  }
  return out;
}

}  // namespace assize::release
