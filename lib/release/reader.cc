// Listing and reading a release, symlinks and special files refused.
#include "lib/release/reader.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "lib/evidence/types.h"
#include "lib/support/files.h"
#include "lib/support/sha256.h"
#include "lib/trust/names.h"

namespace assize::release {
namespace {

namespace fs = std::filesystem;

std::string Printable(std::string_view name) {
  std::string text;
  for (char c : name) {
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return text;
}

StatusOr<std::vector<std::string>> EmptyFolders(const std::string& root) {
  std::vector<std::string> empty;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(root, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error) && !entry->is_symlink(error) &&
        fs::is_empty(entry->path(), error)) {
      empty.push_back(Printable(entry->path().lexically_relative(root).generic_string()));
    }
    if (error) break;
  }
  if (error) return Unavailable("{}: cannot list: {}", root, error.message());
  std::sort(empty.begin(), empty.end());
  return empty;
}

}  // namespace

StatusOr<Release> ReadRelease(const std::string& path, const ReadLimits& limits) {
  if (!FolderExists(path)) return NotFound("{}: no such folder; expected a release", path);
  Release release;
  release.path = path;
  const bool model = FolderExists(JoinPath(path, evidence::kModelFolder));
  const bool rejected = FolderExists(JoinPath(path, evidence::kRejectedFolder));
  const bool verdicts = FolderExists(JoinPath(path, evidence::kVerdictsFolder));
  if (!verdicts && !model && !rejected) {
    return InvalidArgument(
        "{}: not a release: expected the folders verdicts/ and model/ (or "
        "rejected/)",
        path);
  }
  // With both folders there, `rejected` is outside the model folder and so must be listed, which
  // no verdict does.
  release.folder = rejected && !model ? evidence::kRejectedFolder : evidence::kModelFolder;
  AZ_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFiles(path));
  if (names.size() > limits.max_files) {
    return ResourceExhausted("{}: {} files, above the limit max_files, {}", path, names.size(),
                             limits.max_files);
  }
  const std::string prefix = release.folder + "/";
  for (const std::string& name : names) {
    if (!trust::CheckReleaseName(name).ok()) release.odd_names.push_back(Printable(name));
    if (name.starts_with(prefix)) {
      AZ_ASSIGN_OR_RETURN(const Digest digest, Sha256OfFile(JoinPath(path, name)));
      release.tree.files.push_back({name.substr(prefix.size()), Hex(digest)});
      continue;
    }
    AZ_ASSIGN_OR_RETURN(std::string bytes,
                        ReadFile(JoinPath(path, name), limits.max_evidence_file_bytes));
    release.digests[name] = Hex(Sha256(bytes));
    release.files[name] = std::move(bytes);
  }
  std::sort(release.tree.files.begin(), release.tree.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  AZ_ASSIGN_OR_RETURN(release.empty_folders, EmptyFolders(path));
  while (release.files.contains(evidence::VerdictFile(release.newest_verdict + 1))) {
    ++release.newest_verdict;
  }
  return release;
}

std::vector<evidence::FileFact> ListedFiles(const Release& release, int number) {
  std::set<std::string> later;
  for (int i = number; i <= release.newest_verdict; ++i) later.insert(evidence::VerdictFile(i));
  std::vector<evidence::FileFact> files;
  for (const auto& [name, bytes] : release.files) {
    if (later.contains(name)) continue;
    files.push_back({name, release.digests.at(name), static_cast<int64_t>(bytes.size())});
  }
  return files;
}

Status CheckTwin(std::string_view payload, std::string_view twin, const std::string& where) {
  const std::string tail = "\"predicate\":" + std::string(twin) + "}";
  if (payload.ends_with(tail)) return OkStatus();
  return DataLoss("{}: its bytes are not those of the signed document", where);
}

}  // namespace assize::release
